variable "name" {
  description = "What everything is called, or what its name begins with. Another in each region."
  type        = string
  default     = "switchyard"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "Expected at most 20 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "zones" {
  description = "Availability zones, by name: two or more."
  type        = list(string)
}

variable "cidr" {
  description = "The VPC's IPv4 network: one that no carrier and no other region uses."
  type        = string
  default     = "10.0.0.0/16"
}

variable "carriers" {
  description = "Who may call: networks such as 203.0.113.0/24. The load balancer and the proxies both go by it."
  type        = list(string)
}

variable "images" {
  description = "The images, best by their digests."
  type = object({
    proxy      = string
    freeswitch = string
    controller = string
  })
}

variable "architecture" {
  description = "What the images and the scaler's zip are for: ARM64, which costs a fifth less, or X86_64."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "Expected ARM64 or X86_64."
  }
}

variable "scaler_package" {
  description = "The zip of scaler-lambda for `architecture`."
  type        = string
}

variable "proxy" {
  description = "Size (CPU units, MiB) and number of proxies, and more of their settings. As in the module proxy."
  type = object({
    size     = optional(object({ cpu = optional(number), memory = optional(number) }), {})
    tasks    = optional(object({ minimum = optional(number), maximum = optional(number), cpu_target = optional(number) }), {})
    settings = optional(map(string), {})
  })
  default = {}
}

variable "switch" {
  description = <<-EOT
    Size, number, machines and more settings of FreeSWITCH and its controllers. As in the module switch, but for `cdr_url`: call data
    records go to the platform, where there is one, unless it is set.
  EOT
  type = object({
    size                = optional(object({ cpu = optional(number), memory = optional(number), disk = optional(number) }), {})
    capacity            = optional(object({ minimum = optional(number), maximum = optional(number), sessions = optional(number, 150), sessions_target = optional(number), cpu_target = optional(number) }), {})
    ec2                 = optional(object({ instance_type = optional(string), minimum = optional(number), maximum = optional(number), spare = optional(number), warm = optional(number) }))
    stop_timeout        = optional(number, 120)
    settings            = optional(map(string), {})
    secrets             = optional(map(string), {})
    freeswitch_settings = optional(map(string), {})
    media_networks      = optional(list(string), [])
    polly               = optional(bool, false)
    cdr_url             = optional(string)
  })
  default = {}
}

variable "scaler_settings" {
  description = "More settings of the scaler, as environment variables. As in the module scaler."
  type        = map(string)
  default     = {}
}

variable "scaler_reserved_concurrency" {
  description = "Runs at once that are kept for the scaler. null: none; new accounts have too few to reserve any."
  type        = number
  default     = null
}

variable "api" {
  description = "The calls API inside the VPC: from which networks, with which certificate. null: none. As in the module switch."
  type = object({
    clients         = set(string)
    certificate_arn = optional(string)
  })
  default = null
}

variable "platform" {
  description = <<-EOT
    The Somleng API instead of a routes file, which is told the capacity and call data records, too: where, as whom, what it calls
    this region, as whom it makes calls here, and the function that knows its registered clients. Its password is one of the
    secrets, and so are the credentials for the records. As in the modules switch and scaler.
  EOT
  type = object({
    url                  = string
    user                 = optional(string, "services")
    region               = string
    api_user             = optional(string, "adhearsion")
    gateway_function_arn = optional(string)
  })
  default = null
}

variable "recordings" {
  description = "A bucket that recordings are put into for the platform: for how many days, and which roles read them. null: none. As in the module recordings."
  type = object({
    expire_after_days = number
    readers           = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.recordings == null || var.platform != null
    error_message = "Expected a platform: without one, recordings stay with their task, and its calls API serves them."
  }
}

variable "tls" {
  description = "Secrets with certificate chain and key as PEM: then proxies listen for TLS on 5061. null: no TLS."
  type = object({
    certificate_arn = string
    key_arn         = string
  })
  default = null
}

variable "dns" {
  description = "A name for the addresses that carriers send to, in a hosted zone of Route 53. null: none."
  type = object({
    zone_id = string
    name    = string
  })
  default = null
}

variable "global_accelerator" {
  description = "Whether to put two anycast addresses before the load balancer."
  type        = bool
  default     = false
}

variable "nat_gateway_per_zone" {
  description = "One NAT gateway in each zone, or one for all."
  type        = bool
  default     = true
}

variable "nat_instance" {
  description = "NAT instances for carriers that need ports kept. null: none. As in the module network."
  type = object({
    carriers      = list(string)
    instance_type = optional(string)
  })
  default = null
}

variable "interface_endpoints" {
  description = "AWS services that are reached inside the VPC. As in the module network."
  type        = set(string)
  default     = []
}

variable "flow_logs" {
  description = "Whether to keep records of refused connections."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30
}

variable "protection" {
  description = "Whether load balancers and buckets with something in them are kept from being destroyed."
  type        = bool
  default     = true
}

variable "customer_managed_key" {
  description = "Whether logs, secrets, the snapshot and alarms are encrypted with a key of one's own instead of AWS's."
  type        = bool
  default     = true
}

variable "generated_secrets" {
  description = <<-EOT
    null: secrets are made empty, and tasks start once they have been given values (docs/deploy-aws.md). Otherwise they are made
    up, and stand in Terraform's state; all numbers are answered by the TwiML at `voice_url`. With a platform, that says what
    answers: no `voice_url` then, and its password and that for call data records, which nobody here can make up,
    are made empty.
  EOT
  type = object({
    voice_url = optional(string)
  })
  default = null

  validation {
    condition     = try(var.generated_secrets.voice_url, null) == null ? true : can(regex("^https?://[^\"\\\\\\s]+$", var.generated_secrets.voice_url))
    error_message = "Expected an http or https URL in voice_url."
  }

  validation {
    condition     = var.generated_secrets == null ? true : (var.generated_secrets.voice_url == null) == (var.platform != null)
    error_message = "Expected either voice_url or a platform to say what answers."
  }
}

variable "metrics_security_group_ids" {
  description = "Who may read the programs' /metrics: Prometheus, for instance."
  type        = set(string)
  default     = []
}

variable "alarm_emails" {
  description = "Who is told of alarms."
  type        = set(string)
  default     = []
}

variable "runbook_url" {
  description = "Where docs/ is readable; stands in each alarm."
  type        = string
  default     = "docs"
}

variable "tags" {
  description = "Tags of everything, beside Name."
  type        = map(string)
  default     = {}
}
