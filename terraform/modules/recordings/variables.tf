variable "name" {
  description = "What everything here is called, or what its name begins with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "Expected at most 20 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "expire_after_days" {
  description = "When recordings are deleted. What law and customers allow; there is no default that suits all."
  type        = number

  validation {
    condition     = var.expire_after_days >= 1 && var.expire_after_days <= 3650
    error_message = "Expected 1 to 3650 days."
  }
}

variable "readers" {
  description = "ARNs of roles, of other accounts too, that read recordings: the platform's."
  type        = list(string)
  default     = []
}

variable "force_destroy" {
  description = "Whether the bucket may be destroyed with recordings in it."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything, beside Name."
  type        = map(string)
  default     = {}
}
