# What controllers share: which of them has made which call, and who of them is there (docs/switch-controller.md). It is small, and
# worth nothing the day after.

resource "aws_s3_bucket" "shared" {
  #checkov:skip=CKV_AWS_18:Names of calls, and addresses inside the VPC
  #checkov:skip=CKV_AWS_21:Nobody asks what stood there before
  #checkov:skip=CKV_AWS_144:It is about tasks of this region
  #checkov:skip=CKV_AWS_145:S3's own key is enough for names of calls and addresses inside the VPC
  #checkov:skip=CKV2_AWS_62:Nobody waits for its objects

  bucket_prefix = "${var.name}-shared-"
  force_destroy = true # Calls are not lost with it.
  tags          = var.tags
}

resource "aws_s3_bucket_server_side_encryption_configuration" "shared" {
  bucket = aws_s3_bucket.shared.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# Nobody asks again for a call of yesterday. Controllers that are there write anew every few seconds.
resource "aws_s3_bucket_lifecycle_configuration" "shared" {
  bucket = aws_s3_bucket.shared.id

  rule {
    id     = "yesterday"
    status = "Enabled"

    filter {}

    expiration {
      days = 1
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "shared" {
  bucket = aws_s3_bucket.shared.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "shared" {
  bucket                  = aws_s3_bucket.shared.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "shared" {
  bucket = aws_s3_bucket.shared.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EncryptedOnTheWay"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.shared.arn, "${aws_s3_bucket.shared.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.shared]
}
