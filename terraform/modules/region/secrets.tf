# What tasks are given. Terraform makes the secrets; their values come from an operator, or are made up once (generated_secrets),
# and are never changed from here: docs/deploy-aws.md says how to rotate them.

locals {
  secrets = merge(
    {
      proxy = "What all proxies share, as TOML: [\"k1:...\"]"
      token = "Token for draining targets at the proxies' admin port"
      api   = "Password of the calls API"
    },
    var.platform == null ? { routes = "The routes file: numbers, trunks, the account's token" } : { platform = "Password of the platform" },
  )

  generated = var.generated_secrets == null ? {} : {
    proxy  = "[\"k1:${local.random.proxy}\"]"
    token  = local.random.token
    api    = local.random.api
    routes = <<-EOT
      [account]
      sid = "AC00000000000000000000000000000001"
      auth_token = "${local.random.routes}"

      [[number]]
      match = "*"
      url = "${var.generated_secrets.voice_url}"
    EOT
  }
  random = { for name, password in data.aws_secretsmanager_random_password.this : name => password.random_password }
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:The proxies' secrets change in three steps with a roll-out between each; docs/deploy-aws.md has them

  for_each = local.secrets

  name_prefix             = "${var.name}-${each.key}-"
  description             = each.value
  kms_key_id              = local.key_arn
  recovery_window_in_days = var.protection ? 30 : 0
  tags                    = var.tags
}

data "aws_secretsmanager_random_password" "this" {
  for_each = var.generated_secrets == null ? {} : local.secrets

  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = local.generated

  secret_id     = aws_secretsmanager_secret.this[each.key].id
  secret_string = each.value

  # Made up anew at every plan, and rotated elsewhere.
  lifecycle {
    ignore_changes = [secret_string]
  }
}
