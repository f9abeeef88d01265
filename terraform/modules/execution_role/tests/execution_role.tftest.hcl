mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name          = "exchange-proxy"
  log_group_arn = "arn:aws:logs:eu-central-1:123456789012:log-group:proxy"
  images        = ["123456789012.dkr.ecr.eu-central-1.amazonaws.com/switchyard/proxy@sha256:00", "public.ecr.aws/docker/library/busybox:1.37"]
  secrets       = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:proxy-AbCdEf", "arn:aws:ssm:eu-central-1:123456789012:parameter/token"]
  kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/1"
}

run "each_permission_names_what_it_is_for" {
  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid => [statement.Action, statement.Resource] } == {
      Log             = [["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:eu-central-1:123456789012:log-group:proxy:*"]]
      FetchImages     = [["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], ["arn:aws:ecr:eu-central-1:123456789012:repository/switchyard/proxy"]]
      LogInToRegistry = [["ecr:GetAuthorizationToken"], ["*"]]
      ReadSecrets     = [["secretsmanager:GetSecretValue"], ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:proxy-AbCdEf"]]
      ReadParameters  = [["ssm:GetParameters"], ["arn:aws:ssm:eu-central-1:123456789012:parameter/token"]]
      DecryptSecrets  = [["kms:Decrypt"], ["arn:aws:kms:eu-central-1:123456789012:key/1"]]
    }
    error_message = "The role is allowed something else."
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Principal == { Service = "ecs-tasks.amazonaws.com" }
    error_message = "Expected ECS alone to take the role."
  }
}

run "nothing_is_allowed_that_is_not_needed" {
  variables {
    images      = ["public.ecr.aws/docker/library/busybox:1.37"]
    secrets     = []
    kms_key_arn = null
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid] == ["Log"]
    error_message = "Expected nothing but the log."
  }
}
