variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-central-1"
}

variable "zones" {
  description = "Its availability zones: three, where there are three."
  type        = list(string)
  default     = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
}

variable "second_region" {
  description = "A second region with a fleet of its own, its zones, and its VPC's network; carriers send calls to either. null: one region."
  type = object({
    region          = string
    zones           = list(string)
    cidr            = optional(string, "10.1.0.0/16")
    images          = object({ proxy = string, freeswitch = string, controller = string })
    certificate_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.second_region == null || length(var.api_clients) == 0 ? true : var.second_region.certificate_arn != null
    error_message = "Expected a certificate_arn for the calls API that api_clients reach there."
  }
}

variable "carriers" {
  description = "Who may call: networks such as 203.0.113.0/24."
  type        = list(string)
}

variable "carriers_without_symmetric_rtp" {
  description = "Those of them that send RTP to the port that SDP names, wherever ours comes from: they get the NAT instances. Their SIP goes to 5080."
  type        = list(string)
  default     = []
}

variable "images" {
  description = "The images of proxy, FreeSWITCH and controller, by their digests, in a registry of the region."
  type = object({
    proxy      = string
    freeswitch = string
    controller = string
  })

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "Expected images by digest (...@sha256:...): a tag may mean another image tomorrow."
  }
}

variable "scaler_package" {
  description = "The zip of scaler-lambda for arm64."
  type        = string
  default     = "scaler-lambda.zip"
}

variable "api_clients" {
  description = "Networks that make calls by the API: the platform's, peered with the VPC."
  type        = set(string)
  default     = []
}

variable "api_certificate_arn" {
  description = "Certificate (ACM) of the calls API, for a name of yours that leads to it. Needed for api_clients: passwords and numbers do not go in the clear."
  type        = string
  default     = null

  validation {
    condition     = var.api_certificate_arn != null || length(var.api_clients) == 0
    error_message = "Expected a certificate for the calls API that api_clients reach."
  }
}

variable "platform" {
  description = <<-EOT
    The Somleng API, which says whose calls are: its URL, what it calls the regions here, as whom it makes calls, and the Lambda
    functions that know its registered clients, in each region (null: nobody does). null: a routes file says whose calls are.
  EOT
  type = object({
    url                         = string
    region                      = string
    second_region               = optional(string)
    api_user                    = optional(string, "adhearsion")
    gateway_function_arn        = optional(string)
    second_gateway_function_arn = optional(string)
  })
  default = null
}

variable "polly" {
  description = "Whether <Say> with voices Polly.* is spoken by Amazon Polly (which costs by the character)."
  type        = bool
  default     = true
}

variable "recording_readers" {
  description = "Roles that read recordings: the platform's."
  type        = list(string)
  default     = []
}

variable "alarm_emails" {
  description = "Who is told of alarms."
  type        = set(string)

  validation {
    condition     = length(var.alarm_emails) > 0
    error_message = "Expected somebody who is told."
  }
}
