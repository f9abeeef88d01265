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
    var.platform == null && var.switch.cdr_url == null ? {} : { cdr = "USER:PASSWORD for call data records: the platform's, where that gets them" },
  )

  # A platform's password is its own.
  generated_names = var.generated_secrets == null ? toset([]) : setsubtract(keys(local.secrets), ["platform", "cdr"])
  random          = { for name, password in data.aws_secretsmanager_random_password.this : name => password.random_password }
  generated = {
    for name in local.generated_names : name => {
      proxy  = "[\"k1:${local.random[name]}\"]"
      token  = local.random[name]
      api    = local.random[name]
      routes = <<-EOT
        [account]
        sid = "AC00000000000000000000000000000001"
        auth_token = "${local.random[name]}"

        [[number]]
        match = "*"
        url = "${coalesce(var.generated_secrets.voice_url, "-")}"
      EOT
    }[name]
  }
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
  for_each = local.generated_names

  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = local.generated_names

  secret_id     = aws_secretsmanager_secret.this[each.key].id
  secret_string = local.generated[each.key]

  # Made up anew at every plan, and rotated elsewhere.
  lifecycle {
    ignore_changes = [secret_string]
  }
}
