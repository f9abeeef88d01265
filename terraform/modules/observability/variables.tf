variable "name" {
  description = "What everything here is called, or what its name begins with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "Expected at most 20 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "emails" {
  description = "Who is told of alarms. Each gets a message to confirm first."
  type        = set(string)
  default     = []
}

variable "kms_key_arn" {
  description = "The key for the topic; CloudWatch has to be allowed to use it. null: the topic is not encrypted. Its messages are names of alarms."
  type        = string
  default     = null
}

variable "runbook_url" {
  description = "Where docs/ is readable for those who are woken up; stands in each alarm."
  type        = string
  default     = "docs"
}

variable "cluster_name" {
  description = "The ECS cluster."
  type        = string
}

variable "load_balancer" {
  description = "How CloudWatch calls the load balancer and, by listener, its target groups."
  type = object({
    arn_suffix                = string
    target_group_arn_suffixes = map(string)
  })
}

variable "proxy_service_name" {
  description = "The proxies' ECS service."
  type        = string
}

variable "switch" {
  description = "The switches' ECS service: its name, the sessions that a task takes at most, the most tasks, and its metric of sessions."
  type = object({
    service_name = string
    sessions     = number
    maximum      = number
    metric = object({
      namespace  = string
      name       = string
      dimensions = map(string)
    })
  })
}

variable "scaler" {
  description = "The scaler's function, the queue of what failed, and its metrics."
  type = object({
    function_name     = string
    failed_queue_name = string
    metrics = object({
      namespace  = string
      dimensions = map(string)
    })
  })
}

variable "nat_gateway_ids" {
  description = "NAT gateways, by zone."
  type        = map(string)
}

variable "tags" {
  description = "Tags of everything, beside Name."
  type        = map(string)
  default     = {}
}
