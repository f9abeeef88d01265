mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { id = "recordings", arn = "arn:aws:s3:::recordings" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/1" }
  }
}

variables {
  name              = "exchange"
  expire_after_days = 90
}

run "recordings_have_a_key_of_their_own" {
  assert {
    condition     = module.bucket.encryption.sse_algorithm == "aws:kms" && module.bucket.encryption.kms_master_key_id == aws_kms_key.this.arn
    error_message = "Expected SSE-KMS with the key."
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "Expected the key to be rotated."
  }
}

run "their_time_is_over_some_day" {
  assert {
    condition     = module.bucket.lifecycle_rule.expiration[0].days == 90 && module.bucket.lifecycle_rule.noncurrent_version_expiration[0].noncurrent_days == 1 && module.bucket.lifecycle_rule.status == "Enabled"
    error_message = "Recordings, or their old versions, would stay."
  }
}

run "controllers_put_them_there_and_do_nothing_else" {
  assert {
    condition = { for statement in jsondecode(output.writer_policy).Statement : statement.Sid => [statement.Action, statement.Resource] } == {
      PutRecordings     = [["s3:PutObject", "s3:AbortMultipartUpload"], ["arn:aws:s3:::recordings/recordings/*"]]
      EncryptRecordings = [["kms:GenerateDataKey", "kms:Decrypt"], ["arn:aws:kms:eu-central-1:123456789012:key/1"]]
    }
    error_message = "Controllers are allowed something else."
  }

  assert {
    condition     = output.url == "s3://recordings/recordings" && output.https_url == "https://recordings.s3.eu-central-1.amazonaws.com/recordings"
    error_message = "Readers would look elsewhere than controllers write."
  }
}

run "nobody_else_reads_them" {
  assert {
    condition     = module.bucket.public_access_blocked
    error_message = "The bucket could be made public."
  }

  assert {
    condition     = [for statement in jsondecode(module.bucket.policy).Statement : [statement.Effect, statement.Sid]] == [["Deny", "EncryptedOnTheWay"]] && length(jsondecode(aws_kms_key.this.policy).Statement) == 1
    error_message = "Somebody is let in whom nobody named."
  }
}

run "the_platform_reads_them" {
  variables {
    readers = ["arn:aws:iam::210987654321:role/platform"]
  }

  assert {
    condition     = [for statement in jsondecode(module.bucket.policy).Statement : [statement.Principal.AWS, statement.Action, statement.Resource] if statement.Effect == "Allow"] == [[["arn:aws:iam::210987654321:role/platform"], "s3:GetObject", "arn:aws:s3:::recordings/recordings/*"]]
    error_message = "Expected the platform to read, and to do nothing else."
  }

  assert {
    condition     = [for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Action if statement.Sid == "Readers"] == ["kms:Decrypt"]
    error_message = "Expected the platform to decrypt, and to do nothing else."
  }
}
