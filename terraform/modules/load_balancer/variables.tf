variable "name" {
  description = "What everything here is called, or what its name begins with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "Expected at most 20 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "public_subnets" {
  description = "A public subnet for each zone, by zone. The load balancer has an address in each."
  type        = map(string)
}

variable "carriers" {
  description = "Networks that may send SIP, such as 203.0.113.0/24. What the proxies accept is their own setting."
  type        = set(string)

  validation {
    condition     = length(var.carriers) > 0 && alltrue([for cidr in var.carriers : can(cidrhost(cidr, 0))])
    error_message = "Expected at least one IPv4 network, such as 203.0.113.0/24."
  }
}

variable "tls" {
  description = "Whether to listen on 5061. TLS is the proxies' own; here it passes through."
  type        = bool
  default     = false
}

variable "dns" {
  description = "A name for all addresses, in a hosted zone of Route 53. null: none."
  type = object({
    zone_id = string
    name    = string
  })
  default = null
}

variable "global_accelerator" {
  description = "Two anycast addresses before the load balancer: the way over AWS's network begins near the carrier, and they can be led to another region."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether the load balancer can be deleted only after this was turned off. Carriers know its addresses."
  type        = bool
  default     = true
}

variable "deregistration_delay" {
  description = "Seconds between taking a proxy out of service and its SIGTERM, after which it forwards for its own drain time."
  type        = number
  default     = 15

  validation {
    condition     = var.deregistration_delay >= 0 && var.deregistration_delay <= 120
    error_message = "Expected 0 to 120 s: proxies hold no calls, and the whole roll-out waits for each."
  }
}

variable "tags" {
  description = "Tags of everything, beside Name."
  type        = map(string)
  default     = {}
}
