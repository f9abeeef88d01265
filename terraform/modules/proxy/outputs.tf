output "security_group_id" {
  description = "The proxies' security group."
  value       = aws_security_group.this.id
}

output "service_name" {
  description = "The ECS service."
  value       = aws_ecs_service.this.name
}

output "internal_host" {
  description = "The name that stands for all proxies inside the VPC."
  value       = local.internal_host
}

output "log_group" {
  description = "Where proxies log."
  value       = aws_cloudwatch_log_group.this.name
}
