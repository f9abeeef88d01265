mock_provider "aws" {
  mock_resource "aws_s3_bucket" {
    defaults = { id = "exchange-notes-1", arn = "arn:aws:s3:::exchange-notes-1" }
  }
}

variables {
  name_prefix = "exchange-notes-"
}

run "it_is_nobody_elses" {
  assert {
    condition     = output.public_access_blocked && alltrue([for name in ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"] : aws_s3_bucket_public_access_block.this[name]])
    error_message = "The bucket could be made public."
  }

  assert {
    condition     = one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "ACLs could let others in."
  }

  assert {
    condition = jsondecode(output.policy).Statement == [{
      Sid       = "EncryptedOnTheWay"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::exchange-notes-1", "arn:aws:s3:::exchange-notes-1/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "It could be read in the clear, or somebody is let in whom nobody named."
  }

  assert {
    condition     = alltrue([for id in [aws_s3_bucket_public_access_block.this.bucket, aws_s3_bucket_ownership_controls.this.bucket, aws_s3_bucket_policy.this.bucket, aws_s3_bucket_server_side_encryption_configuration.this.bucket, aws_s3_bucket_lifecycle_configuration.this.bucket] : id == output.id])
    error_message = "Something protects another bucket."
  }
}

run "by_itself_it_keeps_objects_and_no_versions" {
  assert {
    condition     = output.encryption.sse_algorithm == "AES256"
    error_message = "Expected S3's own key."
  }

  assert {
    condition     = output.versioning == null && length(output.lifecycle_rule.noncurrent_version_expiration) == 0
    error_message = "Expected no versions."
  }

  assert {
    condition     = length(output.lifecycle_rule.expiration) == 0
    error_message = "Objects would vanish."
  }

  assert {
    condition     = output.lifecycle_rule.status == "Enabled" && one(output.lifecycle_rule.abort_incomplete_multipart_upload).days_after_initiation == 1
    error_message = "Uploads that were given up would stay, and cost."
  }

  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "Objects would be destroyed with it unasked."
  }
}

run "what_is_asked_for_is_what_it_does" {
  variables {
    kms_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/1"
    versioning        = { noncurrent_days = 7 }
    expire_after_days = 30
    readers           = ["arn:aws:iam::210987654321:role/platform"]
    readers_prefix    = "notes/"
    force_destroy     = true
    tags              = { Owner = "telephony" }
  }

  assert {
    condition     = output.encryption.sse_algorithm == "aws:kms" && output.encryption.kms_master_key_id == var.kms_key_arn
    error_message = "Expected SSE-KMS with the key."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).bucket_key_enabled
    error_message = "Each object would cost a request to KMS."
  }

  assert {
    condition     = output.versioning == "Enabled" && aws_s3_bucket_versioning.this[0].bucket == output.id && one(output.lifecycle_rule.noncurrent_version_expiration).noncurrent_days == 7
    error_message = "Expected old versions, for a week."
  }

  assert {
    condition     = one(output.lifecycle_rule.expiration).days == 30
    error_message = "Objects would stay."
  }

  assert {
    condition     = [for statement in jsondecode(output.policy).Statement : [statement.Principal.AWS, statement.Action, statement.Resource] if statement.Effect == "Allow"] == [[["arn:aws:iam::210987654321:role/platform"], "s3:GetObject", "arn:aws:s3:::exchange-notes-1/notes/*"]]
    error_message = "Expected readers to read these objects, and to do nothing else."
  }

  assert {
    condition     = contains([for statement in jsondecode(output.policy).Statement : statement.Sid], "EncryptedOnTheWay")
    error_message = "With readers it could be read in the clear."
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy && aws_s3_bucket.this.bucket_prefix == "exchange-notes-" && aws_s3_bucket.this.tags == tomap({ Owner = "telephony" })
    error_message = "Expected its name, its tags, and that it may be destroyed."
  }
}

run "a_name_is_one_that_s3_takes" {
  command = plan
  variables {
    name_prefix = "Exchange_"
  }
  expect_failures = [var.name_prefix]
}

run "days_are_whole_and_there_is_at_least_one" {
  command = plan
  variables {
    versioning        = { noncurrent_days = 0 }
    expire_after_days = 1.5
  }
  expect_failures = [var.versioning, var.expire_after_days]
}

run "versions_go_some_day" {
  command = plan
  variables {
    versioning = { noncurrent_days = null }
  }
  expect_failures = [var.versioning]
}

run "everybody_is_no_reader" {
  command = plan
  variables {
    readers        = ["*"]
    readers_prefix = "notes/*"
  }
  expect_failures = [var.readers, var.readers_prefix]
}
