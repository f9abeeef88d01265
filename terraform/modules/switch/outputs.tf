output "security_group_id" {
  description = "The tasks' security group."
  value       = aws_security_group.this.id
}

output "service_name" {
  description = "The ECS service."
  value       = aws_ecs_service.this.name
}

output "task_role_arn" {
  description = "What the controller does in AWS, it does as this role."
  value       = aws_iam_role.task.arn
}

output "api_host" {
  description = "Where calls are made, inside the VPC; null without `api`."
  value       = one([for balancer in aws_lb.api : balancer.dns_name])
}

output "sessions_metric" {
  description = "Sessions of a task, in CloudWatch: namespace, name and dimensions."
  value       = { namespace = var.metric_namespace, name = local.sessions_metric, dimensions = { Service = local.service_name } }
}

output "log_group" {
  description = "Where FreeSWITCH and the controllers log."
  value       = aws_cloudwatch_log_group.this.name
}

output "maximum_tasks" {
  description = "How many tasks there may be."
  value       = var.capacity.maximum
}

output "sessions_target" {
  description = "Sessions that a task is kept at."
  value       = var.capacity.sessions_target
}

output "call_data_records" {
  description = "Where FreeSWITCH posts them, and the secret that it does so with; null: nowhere."
  value       = var.cdr_url == null ? null : { url = var.cdr_url, credentials_arn = var.secrets.cdr_credentials }
}
