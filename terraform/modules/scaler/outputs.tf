output "snapshot" {
  description = "The snapshot: where it is, and the policy for the role of who reads it, as JSON."
  value = {
    url = "s3://${module.bucket.id}/${local.key}"
    reader_policy = jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [
          { Sid = "ReadTargets", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${module.bucket.arn}/${local.key}"] },
          # So that a list that is not there yet is told from one that may not be read.
          { Sid = "SeeWhetherThereIsOne", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [module.bucket.arn] },
        ],
        var.kms_key_arn == null ? [] : [
          { Sid = "DecryptTargets", Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.kms_key_arn] },
        ],
      )
    })
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
