variable "name" {
  description = "What everything here is called, or what its name begins with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "Expected at most 20 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "cidr" {
  description = "The VPC's IPv4 network. One that no carrier and no peer uses: proxies take what comes from it for targets."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20
    error_message = "Expected an IPv4 network of 16 to 20 bits, such as 10.0.0.0/16."
  }
}

variable "zones" {
  description = "Availability zones, by name. Add new ones at the end: subnets are numbered by their place in this list."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 6 && length(distinct(var.zones)) == length(var.zones)
    error_message = "Expected two to six different zones."
  }
}

variable "nat_gateway_per_zone" {
  description = "One NAT gateway in each zone; false: one for all, in the first zone, whose loss silences the others."
  type        = bool
  default     = true
}

variable "nat_instance" {
  description = <<-EOT
    A NAT instance in each zone, which keeps source ports, for carriers that do not send RTP back to where it comes from.
    Traffic to `carriers` takes it, all other the NAT gateways. null: none.
  EOT
  type = object({
    carriers      = list(string)
    instance_type = optional(string, "t4g.small")
  })
  default = null

  validation {
    condition     = var.nat_instance == null ? true : length(var.nat_instance.carriers) > 0 && alltrue([for cidr in var.nat_instance.carriers : can(cidrhost(cidr, 0))])
    error_message = "Expected at least one network in carriers, such as 203.0.113.0/24."
  }

  validation {
    condition     = var.nat_instance == null ? true : !contains(var.nat_instance.carriers, "0.0.0.0/0")
    error_message = "Expected carriers' networks: with 0.0.0.0/0 nothing would be left for the NAT gateways."
  }
}

variable "interface_endpoints" {
  description = "AWS services that are reached inside the VPC instead of through NAT, such as ecr.api, ecr.dkr, logs, secretsmanager. Each costs by the hour and zone."
  type        = set(string)
  default     = []
}

variable "flow_logs" {
  description = "How long to keep records of refused connections, in days, and the key to encrypt them with (null: CloudWatch's own). null: none are made."
  type = object({
    retention_days = optional(number, 30)
    kms_key_arn    = optional(string)
  })
  default = null
}

variable "tags" {
  description = "Tags of everything, beside Name."
  type        = map(string)
  default     = {}
}
