output "snapshot" {
  description = "The snapshot: what proxies have to read, and with which key."
  value = {
    bucket_arn  = module.bucket.arn
    url         = "s3://${module.bucket.id}/${local.key}"
    object_arn  = "${module.bucket.arn}/${local.key}"
    kms_key_arn = var.kms_key_arn
  }
}

output "function_name" {
  description = "The function, to be invoked by hand: {\"action\": \"reconcile\"}."
  value       = aws_lambda_function.this.function_name
}

output "failed_queue_name" {
  description = "Where events and runs end that failed."
  value       = aws_sqs_queue.failed.name
}

output "log_group" {
  description = "What it changed, and why."
  value       = aws_cloudwatch_log_group.this.name
}

output "metrics" {
  description = "Its metrics in CloudWatch, ActiveTargets among them: namespace and dimensions."
  value       = { namespace = var.metric_namespace, dimensions = { Cluster = local.cluster_name, Service = var.service_name } }
}

output "platform_url" {
  description = "Who is told the capacity; null: nobody."
  value       = one(var.platform[*].url)
}
