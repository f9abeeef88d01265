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
  description = "Where tasks run, by zone."
  type        = map(string)
}

variable "private_cidrs" {
  description = "Networks of proxies and tasks: FreeSWITCH takes SIP from these."
  type        = list(string)
}

variable "images" {
  description = "FreeSWITCH with infrastructure/freeswitch, and the switch-controller, best by their digests."
  type = object({
    freeswitch = string
    controller = string
    # Writes what only a running task knows: an image with sh, sed, timeout and wget.
    init = optional(string, "public.ecr.aws/docker/library/busybox:1.37")
    # AWS's distribution of the OpenTelemetry collector: sessions as a metric.
    metrics = optional(string, "public.ecr.aws/aws-observability/aws-otel-collector:v0.45.1")
  })
}

variable "freeswitch_directory" {
  description = "Where infrastructure/freeswitch is in FreeSWITCH's image, with start.sh and healthy.sh."
  type        = string
  default     = "/opt/switchyard/freeswitch"
}

variable "architecture" {
  description = "What the images are for: ARM64, which costs a fifth less, or X86_64."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "Expected ARM64 or X86_64."
  }
}

variable "size" {
  description = "CPU units (1024 are a core) and MiB of a task, and GiB of disk for sounds and recordings on their way."
  type = object({
    cpu    = optional(number, 2048)
    memory = optional(number, 4096)
    disk   = optional(number, 30)
  })
  default = {}

  validation {
    condition     = var.size.disk >= 21 && var.size.disk <= 200
    error_message = "Expected 21 to 200 GiB of disk, as Fargate has them."
  }
}

variable "capacity" {
  description = <<-EOT
    Tasks at least and at most; sessions (legs) that a task takes at most, and that tasks are kept at: the difference is the
    room for what comes while more tasks start. The CPU share in per cent that they are kept at. `minimum` is what is warm
    when nothing goes on.
  EOT
  type = object({
    minimum         = optional(number, 2)
    maximum         = optional(number, 20)
    sessions        = optional(number, 150)
    sessions_target = optional(number, 100)
    cpu_target      = optional(number, 30)
  })
  default = {}

  validation {
    condition     = var.capacity.minimum >= 1 && var.capacity.maximum >= var.capacity.minimum
    error_message = "Expected a minimum of 1 or more, and a maximum that is not less."
  }

  validation {
    condition     = var.capacity.sessions_target <= var.capacity.sessions * 0.8
    error_message = "Expected sessions_target to leave a fifth of sessions free: new tasks take a minute or two."
  }
}

variable "ec2" {
  description = <<-EOT
    null: Fargate. Otherwise machines of this type, which cost less per session, and have to be started first: `spare` per
    cent of them stay free, and `warm` more are stopped, ready to start.
  EOT
  type = object({
    instance_type = optional(string, "m7g.xlarge")
    minimum       = optional(number, 2)
    maximum       = optional(number, 20)
    spare         = optional(number, 20)
    warm          = optional(number, 1)
  })
  default = null

  validation {
    condition     = var.ec2 == null ? true : var.ec2.spare >= 0 && var.ec2.spare < 100 && var.ec2.maximum >= var.ec2.minimum
    error_message = "Expected spare in per cent, below 100, and a maximum that is not less than the minimum."
  }
}

variable "stop_timeout" {
  description = "Seconds that a container has to end after SIGTERM: what is left of a call that nobody protected. Fargate gives 120 at most."
  type        = number
  default     = 120

  validation {
    condition     = var.stop_timeout >= 60 && var.stop_timeout <= (var.ec2 == null ? 120 : 7200)
    error_message = "Expected 60 to 120 s, on EC2 up to 7200."
  }
}

variable "proxy_security_group_id" {
  description = "The proxies' security group: SIP comes from there, and their questions how busy a task is."
  type        = string
}

variable "media_networks" {
  description = "Networks that reach tasks without NAT (VPN, peering) and send RTP. Others are answered only after FreeSWITCH has sent."
  type        = set(string)
  default     = []
}

variable "nat_gateway_addresses" {
  description = "The address that carriers see of a zone's tasks, by zone."
  type        = map(string)
}

variable "nat_instance_addresses" {
  description = "The same for carriers behind the NAT instances, by zone; empty without."
  type        = map(string)
  default     = {}
}

variable "api" {
  description = <<-EOT
    The calls API inside the VPC, behind a load balancer: from which networks, with which certificate (null: plain HTTP).
    null: none; outbound calls then begin at the tasks themselves.
  EOT
  type = object({
    clients             = set(string)
    certificate_arn     = optional(string)
    deletion_protection = optional(bool, true)
  })
  default = null
}

variable "secrets" {
  description = <<-EOT
    Secrets by ARN. `api_password`: of POST /calls. `routes`: the routes file, with accounts' tokens (null: there is none, for
    whom there is a platform).
    `cdr_credentials`: USER:PASSWORD for call data records. `settings`: more settings of the controller by variable, such as
    { SWITCHYARD_API__USER = ... }. `kms_key_arn`: what they are encrypted with (null: the account's own).
  EOT
  type = object({
    api_password    = string
    routes          = optional(string)
    cdr_credentials = optional(string)
    settings        = optional(map(string), {})
    kms_key_arn     = optional(string)
  })
}

variable "platform" {
  description = <<-EOT
    The Somleng API, which says whose calls are and hears of them: where, as whom, with which secret, what it calls this region.
    `api_user`: as whom it uses the calls API. `recordings`: where recordings are put for it, and how it reads them there.
    `gateway_function_arn`: the Lambda function that says where registered clients are (null: nobody does). null: the routes
    file answers.
  EOT
  type = object({
    url                  = string
    user                 = optional(string, "services")
    password_arn         = string
    region               = string
    api_user             = optional(string, "adhearsion")
    recordings           = optional(object({ url = string, https_url = string }))
    gateway_function_arn = optional(string)
  })
  default = null
}

variable "polly" {
  description = "Whether <Say> with voices Polly.* is spoken by Amazon Polly. Else a program in the image speaks for them, too."
  type        = bool
  default     = false
}

variable "cdr_url" {
  description = "Where FreeSWITCH posts call data records. null: none are sent."
  type        = string
  default     = null
}

variable "settings" {
  description = "More settings of the controller, as environment variables: { SWITCHYARD_LIMITS__CALL_DURATION = \"1h\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^SWITCHYARD_[A-Z0-9_]+$", name))])
    error_message = "Expected names such as SWITCHYARD_LIMITS__CALL_DURATION: others are no settings."
  }
}

variable "freeswitch_settings" {
  description = "More settings of FreeSWITCH, as environment variables (docs/freeswitch.md): { FREESWITCH_CODECS = \"PCMA\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.freeswitch_settings) : can(regex("^FREESWITCH_[A-Z0-9_]+$", name))])
    error_message = "Expected names such as FREESWITCH_CODECS: others are no settings."
  }
}

variable "task_policies" {
  description = "More that the controller may do, by name: policies as JSON, such as that of the recordings module."
  type        = map(string)
  default     = {}
}

variable "user" {
  description = "User and group that FreeSWITCH and the controller run as, by number: they share files."
  type        = string
  default     = "65532:65532"

  validation {
    condition     = can(regex("^[1-9][0-9]*:[1-9][0-9]*$", var.user))
    error_message = "Expected two numbers such as 65532:65532, neither of them root's."
  }
}

variable "metrics_security_group_ids" {
  description = "Who may read /metrics at the controller's port: Prometheus, for instance."
  type        = set(string)
  default     = []
}

variable "metric_namespace" {
  description = "CloudWatch's namespace of the controllers' metrics."
  type        = string
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
