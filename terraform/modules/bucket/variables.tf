variable "name_prefix" {
  description = "What the bucket's name begins with; AWS's provider makes up the rest."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,36}$", var.name_prefix))
    error_message = "Expected at most 37 lower-case letters, digits and hyphens, no hyphen first."
  }
}

variable "kms_key_arn" {
  description = "The key that objects are encrypted with. null: S3's own."
  type        = string
  default     = null
}

variable "versioning" {
  description = "Keeps what was overwritten or deleted, for noncurrent_days. null: it is gone at once."
  type        = object({ noncurrent_days = number })
  default     = null

  validation {
    condition     = var.versioning == null ? true : try(var.versioning.noncurrent_days >= 1 && floor(var.versioning.noncurrent_days) == var.versioning.noncurrent_days, false)
    error_message = "Expected whole days in noncurrent_days, 1 or more: old versions do not stay for ever."
  }
}

variable "expire_after_days" {
  description = "When objects are deleted, in days after they were written. null: never."
  type        = number
  default     = null

  validation {
    condition     = var.expire_after_days == null ? true : var.expire_after_days >= 1 && floor(var.expire_after_days) == var.expire_after_days
    error_message = "Expected whole days, 1 or more."
  }
}

variable "readers" {
  description = "ARNs of roles, of other accounts too, that the bucket itself lets read; roles of this account may be allowed by policies of theirs."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.readers : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:[^*]+$", arn))])
    error_message = "Expected ARNs such as arn:aws:iam::123456789012:role/NAME."
  }
}

variable "readers_prefix" {
  description = "What the names of those objects begin with that `readers` read: \"recordings/\". Empty: all."
  type        = string
  default     = ""

  validation {
    condition     = !can(regex("[*?$]", var.readers_prefix))
    error_message = "Expected the beginning of names, without the wildcards of policies."
  }
}

variable "force_destroy" {
  description = "Whether the bucket may be destroyed with objects in it."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
  default     = {}
}
