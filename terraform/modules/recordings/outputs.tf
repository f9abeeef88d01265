output "bucket" {
  description = "The bucket."
  value       = module.bucket.id
}

output "url" {
  description = "Where recordings are put: s3://BUCKET/PREFIX."
  value       = "s3://${module.bucket.id}/${local.prefix}"
}

output "https_url" {
  description = "The same for those who read them."
  value       = "https://${module.bucket.id}.s3.${data.aws_region.current.region}.amazonaws.com/${local.prefix}"
}

output "writer_policy" {
  description = "For the role of those who put them there: put, and nothing else. JSON."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "PutRecordings", Effect = "Allow", Action = ["s3:PutObject", "s3:AbortMultipartUpload"], Resource = ["${module.bucket.arn}/${local.prefix}/*"] },
      # Decrypt is what the parts of a large upload need.
      { Sid = "EncryptRecordings", Effect = "Allow", Action = ["kms:GenerateDataKey", "kms:Decrypt"], Resource = [aws_kms_key.this.arn] },
    ]
  })
}
