# The proxy's settings (docs/operations.md). They come from the environment alone: the settings file is empty.

locals {
  # One name for all proxies, so that what FreeSWITCH sends in a dialog reaches one that lives.
  internal_host = "proxy.${var.namespace.name}"

  listener = "{ name = %q, bind = \"0.0.0.0:%d\", advertise = \"%s:%d\", internal = \"%s:%d\", port_name = %q%s }"
  tls = var.tls == null ? "" : format(
    ", tls = { bind = \"0.0.0.0:5061\", certificate = %q, key = %q }", "${local.files}/fullchain.pem", "${local.files}/key.pem",
  )
  listeners = [
    format(local.listener, "main", 5060, var.advertised_host, 5060, local.internal_host, 5060, "sip", local.tls),
    format(local.listener, "alternative", 5080, var.advertised_host, 5080, local.internal_host, 5080, "alternative", ""),
  ]

  # After SIGTERM, which comes when the load balancer has been told: packets may go on for about two minutes.
  drain_seconds = 110
  stop_timeout  = 120

  environment = merge(
    {
      AWS_REGION                   = data.aws_region.current.region
      SWITCHYARD_CONFIG            = "/dev/null"
      SWITCHYARD_LISTENER          = "[${join(", ", local.listeners)}]"
      SWITCHYARD_TARGETS__URL      = var.snapshot.url
      SWITCHYARD_TARGETS__NETWORKS = jsonencode(var.switch_networks)
      SWITCHYARD_TARGETS__CACHE    = "${local.state}/targets.json"
      SWITCHYARD_ACCESS__SOURCES   = jsonencode(var.carriers)
      SWITCHYARD_HEADERS__STRIP    = jsonencode(["X-Somleng-*"])
      SWITCHYARD_HEADERS__ADD      = "{ \"X-Src-Ip\" = \"{source_ip}\", \"X-Somleng-Caller-Identity\" = \"{from_user}\", \"X-Somleng-Callee-Identity\" = \"{to_user}\" }"
      SWITCHYARD_ADMIN__BIND       = "0.0.0.0:8080"
      SWITCHYARD_ADMIN__STATE_FILE = "${local.state}/drained.json"
      SWITCHYARD_DRAIN             = "${local.drain_seconds}s"
      SWITCHYARD_LOG__FORMAT       = "json"
    },
    var.settings,
  )

  secrets = merge(
    { SWITCHYARD_SECRETS = var.secrets_arn },
    var.admin_token_arn == null ? {} : { SWITCHYARD_ADMIN__TOKEN = var.admin_token_arn },
  )
}
