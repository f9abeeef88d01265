output "id" {
  description = "The bucket's name."
  value       = aws_s3_bucket.this.id
}

output "arn" {
  description = "The bucket."
  value       = aws_s3_bucket.this.arn
}

# What follows is for those who check what they have asked for.

output "encryption" {
  description = "What objects are encrypted with, unless who writes them says otherwise: sse_algorithm and kms_master_key_id."
  value       = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default)
}

output "versioning" {
  description = "Enabled; null: there are no versions."
  value       = one(aws_s3_bucket_versioning.this[*].versioning_configuration[0].status)
}

output "lifecycle_rule" {
  description = "What goes when: status, expiration and noncurrent_version_expiration among it."
  value       = one(aws_s3_bucket_lifecycle_configuration.this.rule)
}

output "public_access_blocked" {
  description = "Whether neither ACLs nor a policy can make it public."
  value = alltrue([
    aws_s3_bucket_public_access_block.this.block_public_acls,
    aws_s3_bucket_public_access_block.this.block_public_policy,
    aws_s3_bucket_public_access_block.this.ignore_public_acls,
    aws_s3_bucket_public_access_block.this.restrict_public_buckets,
  ])
}

output "policy" {
  description = "The bucket's policy. JSON."
  value       = aws_s3_bucket_policy.this.policy
}
