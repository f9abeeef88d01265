# What ECS itself may do to start a task: fetch its images, read its secrets, write its log. The programs in it get none of this.

variable "name" {
  description = "What the role's name begins with."
  type        = string
}

variable "images" {
  description = "Images of the task. Those in ECR may be fetched; others have to be public."
  type        = list(string)
}

variable "secrets" {
  description = "ARNs of the secrets (Secrets Manager) and parameters (SSM) that containers are given."
  type        = list(string)
}

variable "log_group_arn" {
  description = "Where containers log."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that the secrets are encrypted with. null: the account's own for these services."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
  default     = {}
}

data "aws_partition" "current" {}

locals {
  # ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG, or @sha256:...
  repositories = distinct([
    for part in [for image in var.images : try(regex("^([0-9]{12})\\.dkr\\.ecr\\.([a-z0-9-]+)\\.amazonaws\\.com[a-z.]*/([^:@]+)", image), null)] :
    "arn:${data.aws_partition.current.partition}:ecr:${part[1]}:${part[0]}:repository/${part[2]}" if part != null
  ])
  secrets    = [for arn in var.secrets : arn if !can(regex(":parameter/", arn))]
  parameters = [for arn in var.secrets : arn if can(regex(":parameter/", arn))]

  statements = concat(
    [{
      Sid      = "Log"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${var.log_group_arn}:*"]
    }],
    length(local.repositories) == 0 ? [] : [
      {
        Sid      = "FetchImages"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = local.repositories
      },
      {
        Sid      = "LogInToRegistry"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"] # It knows no resources.
      },
    ],
    length(local.secrets) == 0 ? [] : [{
      Sid      = "ReadSecrets"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = local.secrets
    }],
    length(local.parameters) == 0 ? [] : [{
      Sid      = "ReadParameters"
      Effect   = "Allow"
      Action   = ["ssm:GetParameters"]
      Resource = local.parameters
    }],
    var.kms_key_arn == null ? [] : [{
      Sid      = "DecryptSecrets"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.kms_key_arn]
    }],
  )
}

resource "aws_iam_role" "this" {
  name_prefix = "${var.name}-start-"
  description = "What ECS does to start a task of ${var.name}"
  tags        = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name_prefix = "start-"
  role        = aws_iam_role.this.id
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

output "arn" {
  description = "The role, once it has its policy."
  value       = aws_iam_role.this.arn
  depends_on  = [aws_iam_role_policy.this]
}

output "statements" {
  description = "What it allows."
  value       = local.statements
}
