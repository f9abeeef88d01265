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
  mock_data "aws_secretsmanager_random_password" {
    defaults = { random_password = "0123456789012345678901234567890123456789" }
  }
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/switchyard" }
  }
}

variables {
  zones          = ["eu-central-1a", "eu-central-1b"]
  carriers       = ["198.51.100.0/24"]
  images         = { proxy = "example/proxy:1", freeswitch = "example/freeswitch:1", controller = "example/controller:1" }
  scaler_package = "./versions.tf" # Any file: nothing is uploaded.
}

run "secrets_are_made_empty" {
  assert {
    condition     = length(aws_secretsmanager_secret.this) == 4 && length(aws_secretsmanager_secret_version.this) == 0
    error_message = "A secret's value would stand in the state."
  }

  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.this : secret.kms_key_id == aws_kms_key.this[0].arn && secret.recovery_window_in_days == 30])
    error_message = "Expected one's own key, and a way back."
  }
}

run "a_key_of_ones_own_is_rotated_and_nobody_elses" {
  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation
    error_message = "Expected the key to be rotated."
  }

  assert {
    condition = { for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement.Sid => statement.Principal } == {
      TheAccountSaysWhoElse = { AWS = "arn:aws:iam::123456789012:root" }
      Logs                  = { Service = "logs.eu-central-1.amazonaws.com" }
      Alarms                = { Service = "cloudwatch.amazonaws.com" }
    }
    error_message = "Somebody else may use the key."
  }
}

run "secrets_that_are_made_up_are_ones_that_the_programs_take" {
  variables {
    generated_secrets    = { voice_url = "https://example.com/voice" }
    customer_managed_key = false
    protection           = false
  }

  assert {
    condition     = aws_secretsmanager_secret_version.this["proxy"].secret_string == "[\"k1:0123456789012345678901234567890123456789\"]"
    error_message = "Expected a list of one secret with its name."
  }

  assert {
    condition     = aws_secretsmanager_secret_version.this["routes"].secret_string == file("./tests/routes.toml")
    error_message = "tests/routes.toml is another routes file."
  }

  assert {
    condition     = data.aws_secretsmanager_random_password.this["proxy"].exclude_punctuation && data.aws_secretsmanager_random_password.this["proxy"].password_length == 40
    error_message = "A quote in it would break the list."
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && alltrue([for secret in aws_secretsmanager_secret.this : secret.recovery_window_in_days == 0])
    error_message = "Expected AWS's own keys, and secrets that are gone at once."
  }
}

run "what_nobody_can_say_in_toml_is_no_url" {
  command = plan
  variables {
    generated_secrets = { voice_url = "https://example.com/\"" }
  }
  expect_failures = [var.generated_secrets]
}

run "the_parts_know_each_other" {
  assert {
    condition     = output.snapshot_url == module.scaler.snapshot.url && output.cluster == { name = "switchyard", proxy = "switchyard-proxy", switch = "switchyard-switch" }
    error_message = "An operator would be told something else."
  }

  assert {
    condition     = module.proxy.internal_host == "proxy.switchyard.internal" && aws_service_discovery_private_dns_namespace.this.vpc == module.network.vpc_id
    error_message = "FreeSWITCH would look for the proxies elsewhere."
  }

  assert {
    condition     = module.scaler.metrics.namespace == local.metric_namespace && module.switch.sessions_metric.namespace == local.metric_namespace
    error_message = "Metrics would be in two places."
  }
}

run "a_platform_takes_the_place_of_the_routes_file" {
  variables {
    platform   = { url = "https://platform.example", region = "hydrogen" }
    recordings = { expire_after_days = 90 }
  }

  assert {
    condition     = toset(keys(output.secrets)) == toset(["proxy", "token", "api", "platform", "cdr"]) && output.recordings_bucket != null
    error_message = "Expected secrets for the platform's password and the records' credentials, none for routes, and a bucket."
  }

  assert {
    condition     = module.switch.call_data_records == { url = "https://platform.example/call_data_records", credentials_arn = aws_secretsmanager_secret.this["cdr"].arn }
    error_message = "The platform would never hear that a call is over."
  }

  assert {
    condition     = module.scaler.platform_url == "https://platform.example"
    error_message = "The platform is not told the capacity."
  }
}

run "call_data_records_go_where_one_wants" {
  variables {
    switch = { cdr_url = "https://records.example" }
  }

  assert {
    condition     = module.switch.call_data_records == { url = "https://records.example", credentials_arn = aws_secretsmanager_secret.this["cdr"].arn }
    error_message = "Expected the URL that was given."
  }
}

run "recordings_in_a_bucket_are_for_a_platform" {
  command = plan
  variables {
    recordings = { expire_after_days = 90 }
  }
  expect_failures = [var.recordings]
}

run "a_platforms_password_is_not_made_up" {
  variables {
    platform          = { url = "https://platform.example", region = "hydrogen" }
    generated_secrets = {}
  }

  assert {
    condition     = toset(keys(aws_secretsmanager_secret_version.this)) == toset(["proxy", "token", "api"]) && contains(keys(output.secrets), "platform") && contains(keys(output.secrets), "cdr")
    error_message = "Expected the others made up, and these empty."
  }
}

run "either_a_platform_or_a_document_answers" {
  command = plan
  variables {
    platform          = { url = "https://platform.example", region = "hydrogen" }
    generated_secrets = { voice_url = "https://example.com/voice" }
  }
  expect_failures = [var.generated_secrets]
}

run "something_has_to_answer" {
  command = plan
  variables {
    generated_secrets = {}
  }
  expect_failures = [var.generated_secrets]
}
