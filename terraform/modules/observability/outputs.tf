output "topic_arn" {
  description = "Where alarms are told, for other subscriptions: a pager's, a chat's."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard" {
  description = "The dashboard's name in CloudWatch."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
