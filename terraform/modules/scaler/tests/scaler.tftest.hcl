mock_provider "aws" {
  mock_resource "aws_s3_bucket" {
    defaults = { id = "snapshot", arn = "arn:aws:s3:::snapshot" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:123456789012:failed" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:scaler" }
  }
}

variables {
  name             = "exchange"
  package          = "./versions.tf" # Any file: nothing is uploaded.
  cluster_arn      = "arn:aws:ecs:eu-central-1:123456789012:cluster/exchange"
  service_name     = "exchange-switch"
  metric_namespace = "Switchyard"
}

run "the_settings_are_the_scalers" {
  assert {
    condition     = aws_lambda_function.this.environment[0].variables == tomap(jsondecode(file("./tests/environment.json")))
    error_message = "tests/environment.json has other settings."
  }

  assert {
    condition     = aws_lambda_function.this.runtime == "provided.al2023" && aws_lambda_function.this.handler == "bootstrap" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "Expected the zip's runtime."
  }

  assert {
    condition     = output.metrics == { namespace = "Switchyard", dimensions = { Cluster = "exchange", Service = "exchange-switch" } } && aws_lambda_function.this.logging_config[0].log_format == "Text"
    error_message = "Its metrics would be looked for elsewhere, or be wrapped in other JSON."
  }

  assert {
    condition     = length(aws_lambda_function.this.vpc_config) == 0
    error_message = "In a VPC it would need NAT to reach ECS, and could fail with it."
  }
}

run "it_may_do_what_it_does_and_nothing_else" {
  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid => [statement.Action, statement.Resource] } == {
      ListTasks                  = [["ecs:ListTasks"], ["*"]]
      DescribeTasks              = [["ecs:DescribeTasks", "ecs:GetTaskProtection"], ["arn:aws:ecs:eu-central-1:123456789012:task/exchange/*"]]
      DescribeAndScaleTheService = [["ecs:DescribeServices", "ecs:UpdateService"], ["arn:aws:ecs:eu-central-1:123456789012:service/exchange/exchange-switch"]]
      ReadAndWriteTheSnapshot    = [["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::snapshot/targets.json"]]
      SeeWhetherThereIsOne       = [["s3:ListBucket"], ["arn:aws:s3:::snapshot"]]
      TellOfFailures             = [["sqs:SendMessage"], ["arn:aws:sqs:eu-central-1:123456789012:failed"]]
      Log                        = [["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:eu-central-1:123456789012:log-group:scaler:*"]]
    }
    error_message = "The scaler is allowed something else."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Condition if statement.Sid == "ListTasks"] == [{ ArnEquals = { "ecs:cluster" = "arn:aws:ecs:eu-central-1:123456789012:cluster/exchange" } }]
    error_message = "It may list other clusters' tasks."
  }
}

run "every_change_wakes_it_and_so_does_every_minute" {
  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.task.event_pattern) == {
      source      = ["aws.ecs"]
      detail-type = ["ECS Task State Change"]
      detail      = { clusterArn = ["arn:aws:ecs:eu-central-1:123456789012:cluster/exchange"], group = ["service:exchange-switch"] }
    }
    error_message = "Expected the task events of the service alone."
  }

  assert {
    condition     = aws_cloudwatch_event_rule.schedule.schedule_expression == "rate(1 minute)"
    error_message = "Nothing repairs an event that was lost."
  }

  assert {
    condition     = alltrue([for name, permission in aws_lambda_permission.this : permission.source_arn == { task = aws_cloudwatch_event_rule.task.arn, schedule = aws_cloudwatch_event_rule.schedule.arn }[name] && permission.principal == "events.amazonaws.com"])
    error_message = "A rule may not invoke it, or others may."
  }
}

run "what_fails_is_kept" {
  assert {
    condition     = alltrue([for target in aws_cloudwatch_event_target.this : target.dead_letter_config[0].arn == aws_sqs_queue.failed.arn]) && length(aws_cloudwatch_event_target.this) == 2
    error_message = "An event that cannot be delivered vanishes."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.destination_config[0].on_failure[0].destination == aws_sqs_queue.failed.arn
    error_message = "A run that fails vanishes."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_policy.failed.policy).Statement[0].Principal == { Service = "events.amazonaws.com" } && toset(jsondecode(aws_sqs_queue_policy.failed.policy).Statement[0].Condition.ArnEquals["aws:SourceArn"]) == toset([aws_cloudwatch_event_rule.task.arn, aws_cloudwatch_event_rule.schedule.arn])
    error_message = "Others may write into the queue, or the rules may not."
  }

  assert {
    condition     = aws_sqs_queue.failed.sqs_managed_sse_enabled && aws_sqs_queue.failed.message_retention_seconds == 1209600
    error_message = "Expected it to be encrypted, and kept for two weeks."
  }
}

run "the_snapshot_is_versioned_encrypted_and_nobody_elses" {
  assert {
    condition     = module.bucket.versioning == "Enabled"
    error_message = "Expected versions."
  }

  assert {
    condition     = module.bucket.encryption.sse_algorithm == "AES256"
    error_message = "Expected encryption."
  }

  assert {
    condition     = module.bucket.public_access_blocked
    error_message = "The bucket could be made public."
  }

  assert {
    condition     = jsondecode(module.bucket.policy).Statement[0].Effect == "Deny" && jsondecode(module.bucket.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "It could be read in the clear."
  }

  assert {
    condition     = output.snapshot.url == aws_lambda_function.this.environment[0].variables["SWITCHYARD_SNAPSHOT_URL"] && output.snapshot.url == "s3://snapshot/targets.json"
    error_message = "Proxies would read another object than the scaler writes."
  }

  assert {
    condition = { for statement in jsondecode(output.snapshot.reader_policy).Statement : statement.Sid => [statement.Action, statement.Resource] } == {
      ReadTargets          = [["s3:GetObject"], ["arn:aws:s3:::snapshot/targets.json"]]
      SeeWhetherThereIsOne = [["s3:ListBucket"], ["arn:aws:s3:::snapshot"]]
    }
    error_message = "Who reads the list is allowed something else, too."
  }
}

run "a_key_of_ones_own_is_used_throughout" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition     = module.bucket.encryption.kms_master_key_id == var.kms_key_arn && aws_lambda_function.this.kms_key_arn == var.kms_key_arn && { for statement in jsondecode(output.snapshot.reader_policy).Statement : statement.Sid => [statement.Action, statement.Resource] }["DecryptTargets"] == [["kms:Decrypt"], [var.kms_key_arn]]
    error_message = "Something is encrypted with another key."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : [statement.Action, statement.Resource] if statement.Sid == "EncryptTheSnapshot"] == [[["kms:Decrypt", "kms:GenerateDataKey"], ["arn:aws:kms:eu-central-1:123456789012:key/1"]]]
    error_message = "It may not use the key, or may use others."
  }
}

run "the_platform_is_told_with_a_password_that_stands_in_no_state" {
  variables {
    platform = {
      url                  = "https://platform.example"
      password_arn         = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:platform"
      password_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/2"
      region               = "hydrogen"
    }
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables == tomap(jsondecode(file("./tests/environment-platform.json")))
    error_message = "tests/environment-platform.json has other settings."
  }

  assert {
    condition     = !contains(keys(aws_lambda_function.this.environment[0].variables), "SWITCHYARD_PLATFORM_PASSWORD")
    error_message = "The password is a setting of the function, and so in the state."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : [statement.Action, statement.Resource] if strcontains(statement.Sid, "Password")] == [
      [["secretsmanager:GetSecretValue"], ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:platform"]],
      [["kms:Decrypt"], ["arn:aws:kms:eu-central-1:123456789012:key/2"]],
    ]
    error_message = "Expected it to read this secret, and no other."
  }
}

run "a_password_is_no_setting" {
  command = plan
  variables {
    settings = { SWITCHYARD_PLATFORM_PASSWORD = "x" }
  }
  expect_failures = [var.settings]
}
