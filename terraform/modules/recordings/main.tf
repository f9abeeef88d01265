# Recordings of calls: with a key of their own, readable by few, and gone when their time is over. Controllers write by the role of
# their task: there is no key to leak.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  prefix = "recordings"
}

resource "aws_kms_key" "this" {
  description             = "Recordings of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  tags                    = merge(var.tags, { Name = "${var.name}-recordings" })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "TheAccountSaysWhoElse"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      }],
      length(var.readers) == 0 ? [] : [{
        Sid       = "Readers"
        Effect    = "Allow"
        Principal = { AWS = var.readers }
        Action    = "kms:Decrypt"
        Resource  = "*"
      }],
    )
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}-recordings"
  target_key_id = aws_kms_key.this.key_id
}

# Deleted means deleted: a version that is no longer current goes the next day.
module "bucket" {
  #checkov:skip=CKV_AWS_144:Recordings stay in the country they were made in

  source = "../bucket"

  name_prefix       = "${var.name}-recordings-"
  kms_key_arn       = aws_kms_key.this.arn
  versioning        = { noncurrent_days = 1 }
  expire_after_days = var.expire_after_days
  readers           = var.readers
  readers_prefix    = "${local.prefix}/"
  force_destroy     = var.force_destroy
  tags              = var.tags
}
