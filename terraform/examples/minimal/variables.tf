variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-central-1"
}

variable "zones" {
  description = "Two availability zones of it."
  type        = list(string)
  default     = ["eu-central-1a", "eu-central-1b"]
}

variable "carriers" {
  description = "Who may call: networks such as 203.0.113.0/24."
  type        = list(string)

  validation {
    condition     = length(var.carriers) > 0
    error_message = "Expected at least one network: else nobody could call."
  }
}

variable "voice_url" {
  description = "Where the TwiML is that answers all calls."
  type        = string
}

variable "images" {
  description = "The images of proxy, FreeSWITCH and controller."
  type = object({
    proxy      = string
    freeswitch = string
    controller = string
  })
}

variable "architecture" {
  description = "What the images and the scaler's zip are for: ARM64 or X86_64."
  type        = string
  default     = "ARM64"
}

variable "scaler_package" {
  description = "The zip of scaler-lambda."
  type        = string
  default     = "scaler-lambda.zip"
}
