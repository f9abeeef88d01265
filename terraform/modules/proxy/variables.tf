variable "name" {
  description = "What everything here is called, or what its name begins with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "Expected at most 20 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "cluster_arn" {
  description = "The ECS cluster."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "private_subnets" {
  description = "Where tasks run, by zone. Two zones or more: any proxy goes on with any call."
  type        = map(string)
}

variable "image" {
  description = "The proxy's image, best by its digest: ACCOUNT.dkr.ecr.REGION.amazonaws.com/switchyard/proxy@sha256:..."
  type        = string
}

variable "architecture" {
  description = "What the image is for: ARM64, which costs a fifth less, or X86_64."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "Expected ARM64 or X86_64."
  }
}

variable "size" {
  description = "CPU units (1024 are a core) and MiB of a task, as Fargate has them."
  type = object({
    cpu    = optional(number, 512)
    memory = optional(number, 1024)
  })
  default = {}
}

variable "tasks" {
  description = "How many run at least and at most, and the CPU share in per cent that they are kept at."
  type = object({
    minimum    = optional(number, 2)
    maximum    = optional(number, 6)
    cpu_target = optional(number, 40)
  })
  default = {}

  validation {
    condition     = var.tasks.minimum >= 2 && var.tasks.maximum >= var.tasks.minimum
    error_message = "Expected a minimum of 2, since one alone is missed when it is replaced, and a maximum that is not less."
  }
}

variable "load_balancer_security_group_id" {
  description = "SIP and health checks come from here."
  type        = string
}

variable "target_groups" {
  description = "Where tasks register, by listener: sip, alternative and, with `tls`, tls."
  type        = map(object({ arn = string, port = number }))

  validation {
    condition     = alltrue([for name in ["sip", "alternative"] : contains(keys(var.target_groups), name)])
    error_message = "Expected at least sip and alternative."
  }
}

variable "advertised_host" {
  description = "What carriers see: the load balancer's address, or a name that leads to it."
  type        = string
}

variable "namespace" {
  description = "Private DNS namespace (Cloud Map) for the name that stands for all proxies: its id and its name."
  type        = object({ id = string, name = string })
}

variable "switch_security_group_id" {
  description = "Where FreeSWITCH's SIP comes from, and where calls go."
  type        = string
}

variable "switch_networks" {
  description = "Networks in which FreeSWITCH runs or ran: what comes from there counts as coming from a target."
  type        = list(string)
}

variable "carriers" {
  description = "Who may start calls: networks such as 203.0.113.0/24."
  type        = list(string)

  validation {
    condition     = length(var.carriers) > 0 && alltrue([for cidr in var.carriers : can(cidrhost(cidr, 0))])
    error_message = "Expected at least one IPv4 network, such as 203.0.113.0/24."
  }
}

variable "snapshot" {
  description = "The target list that the scaler writes: where it is, and what who reads it has to be allowed, as JSON."
  type = object({
    url           = string
    reader_policy = string
  })
}

variable "secrets_arn" {
  description = "Secret with what all proxies share, as TOML: [\"k1:...\"], 16 characters or more behind each colon."
  type        = string
}

variable "admin_token_arn" {
  description = "Secret with the token for draining targets at the admin port. null: nobody can."
  type        = string
  default     = null
}

variable "secrets_kms_key_arn" {
  description = "The key that the secrets are encrypted with. null: the account's own."
  type        = string
  default     = null
}

variable "tls" {
  description = "Secrets with certificate chain and key as PEM, for 5061; both are read when a task starts. null: no TLS."
  type = object({
    certificate_arn = string
    key_arn         = string
  })
  default = null
}

variable "settings" {
  description = "More settings of the proxy, as environment variables: { SWITCHYARD_LIMITS__SOURCE_CALLS = \"50\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^SWITCHYARD_[A-Z0-9_]+$", name))])
    error_message = "Expected names such as SWITCHYARD_LIMITS__SOURCE_CALLS: others are no settings."
  }
}

variable "user" {
  description = "User and group that the proxy runs as, by number."
  type        = string
  default     = "65532:65532"

  validation {
    condition     = can(regex("^[1-9][0-9]*:[1-9][0-9]*$", var.user))
    error_message = "Expected two numbers such as 65532:65532, neither of them root's."
  }
}

variable "init_image" {
  description = "An image with a shell, which prepares the directory that the proxy writes to, and the certificate's files."
  type        = string
  default     = "public.ecr.aws/docker/library/busybox:1.37"
}

variable "metrics_security_group_ids" {
  description = "Who may read /metrics at the admin port: Prometheus, for instance."
  type        = set(string)
  default     = []
}

variable "logs" {
  description = "How long logs are kept, in days, and the key that they are encrypted with (null: CloudWatch's own)."
  type = object({
    retention_days = optional(number, 30)
    kms_key_arn    = optional(string)
  })
  default = {}
}

variable "tags" {
  description = "Tags of everything, beside Name."
  type        = map(string)
  default     = {}
}
