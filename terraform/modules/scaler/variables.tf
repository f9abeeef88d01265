variable "name" {
  description = "What everything here is called, or what its name begins with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "Expected at most 20 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "package" {
  description = "The zip of scaler-lambda for provided.al2023, for `architecture`."
  type        = string
}

variable "architecture" {
  description = "What the zip is for: arm64, which costs a fifth less, or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Expected arm64 or x86_64."
  }
}

variable "cluster_arn" {
  description = "The ECS cluster."
  type        = string
}

variable "service_name" {
  description = "The ECS service whose tasks are targets."
  type        = string
}

variable "sessions_per_task" {
  description = "Sessions that a task is kept at: how many tasks a prescale of so many calls wants."
  type        = number
  default     = 100
}

variable "maximum_tasks" {
  description = "The most tasks that a prescale may want."
  type        = number
  default     = 20
}

variable "platform" {
  description = <<-EOT
    The Somleng API, which is told the capacity: where, as whom, the secret (Secrets Manager) that is the password and the key that
    it is encrypted with (null: the account's own), what it calls this region. null: nobody is told.
  EOT
  type = object({
    url                  = string
    user                 = optional(string, "services")
    password_arn         = string
    password_kms_key_arn = optional(string)
    region               = string
  })
  default = null
}

variable "settings" {
  description = "More settings of the scaler, as environment variables: { SWITCHYARD_LOG = \"debug\" }. They stand in the state: nothing secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^SWITCHYARD_[A-Z0-9_]+$", name))])
    error_message = "Expected names such as SWITCHYARD_LOG: others are no settings."
  }

  validation {
    condition     = !contains(keys(var.settings), "SWITCHYARD_PLATFORM_PASSWORD")
    error_message = "Expected no password: `platform` names the secret that it is read from."
  }
}

variable "metric_namespace" {
  description = "CloudWatch's namespace of its metrics."
  type        = string
}

variable "reserved_concurrency" {
  description = "Runs at once that are kept for it, and the most there are; two at once do no harm. null: what the account has left. New accounts have too few to reserve any."
  type        = number
  default     = null
}

variable "kms_key_arn" {
  description = "The key for the snapshot and the function's settings. null: the services' own."
  type        = string
  default     = null
}

variable "logs" {
  description = "How long logs are kept, in days, and the key that they are encrypted with (null: CloudWatch's own)."
  type = object({
    retention_days = optional(number, 30)
    kms_key_arn    = optional(string)
  })
  default = {}
}

variable "force_destroy" {
  description = "Whether the bucket may be destroyed with the snapshot in it."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything, beside Name."
  type        = map(string)
  default     = {}
}
