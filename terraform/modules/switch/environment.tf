# Settings of FreeSWITCH (docs/freeswitch.md) and of the controller (docs/switch-controller.md).

locals {
  run   = "/run/switchyard"
  state = "/var/lib/switchyard"
  cache = "/var/cache/switchyard"
  temp  = "/tmp"

  prepare_environment = {
    OWNER         = var.user
    NAT_GATEWAYS  = join(" ", [for zone, address in var.nat_gateway_addresses : "${zone}=${address}"])
    NAT_INSTANCES = join(" ", [for zone, address in var.nat_instance_addresses : "${zone}=${address}"])
    RUN           = local.run
    STATE         = local.state
    CACHE         = local.cache
    TEMP          = local.temp
  }

  # Addresses come from prepare.sh. The event socket is on loopback, and its password made up there.
  freeswitch_environment = merge(
    {
      FREESWITCH_DIRECTORY    = "${local.state}/freeswitch"
      FREESWITCH_SIP_ALLOW    = join(",", var.private_cidrs)
      FREESWITCH_MAX_SESSIONS = tostring(var.capacity.sessions)
      FREESWITCH_LOG_FORMAT   = "json"
    },
    var.cdr_url == null ? {} : { FREESWITCH_CDR_URL = var.cdr_url },
    var.freeswitch_settings,
  )

  controller_environment = merge(
    {
      AWS_REGION                           = data.aws_region.current.region
      SWITCHYARD_CONFIG                    = "${local.run}/controller.toml"
      SWITCHYARD_DRAIN                     = "${var.stop_timeout - 25}s" # Then the platform is told the rest, and the link is closed.
      SWITCHYARD_FREESWITCH__PASSWORD_FILE = "${local.state}/freeswitch/run/esl-password"
      SWITCHYARD_RECORDINGS__DIRECTORY     = "${local.state}/recordings"
      SWITCHYARD_SOUNDS__DIRECTORY         = "${local.cache}/sounds"
      SWITCHYARD_API__BIND                 = "0.0.0.0:8081"
      SWITCHYARD_LIMITS__SESSIONS          = tostring(var.capacity.sessions)
      SWITCHYARD_SHARED__URL               = "s3://${module.shared.id}"
      SWITCHYARD_LOG__FORMAT               = "json"
    },
    var.secrets.routes == null ? {} : { SWITCHYARD_ROUTES__FILE = "${local.run}/routes.toml" },
    local.platform_environment,
    var.polly ? { SWITCHYARD_SPEECH__ENGINE = "polly" } : {},
    var.settings,
  )

  platform_environment = var.platform == null ? {} : merge(
    {
      SWITCHYARD_PLATFORM__URL    = var.platform.url
      SWITCHYARD_PLATFORM__USER   = var.platform.user
      SWITCHYARD_PLATFORM__REGION = var.platform.region
      SWITCHYARD_API__USER        = var.platform.api_user
    },
    var.platform.gateway_function_arn == null ? {} : { SWITCHYARD_PLATFORM__GATEWAY_FUNCTION = var.platform.gateway_function_arn },
    var.platform.recordings == null ? {} : {
      SWITCHYARD_PLATFORM__BUCKET     = var.platform.recordings.url
      SWITCHYARD_PLATFORM__BUCKET_URL = var.platform.recordings.https_url
    },
  )

  controller_secrets = merge(
    { SWITCHYARD_API__PASSWORD = var.secrets.api_password },
    var.platform == null ? {} : { SWITCHYARD_PLATFORM__PASSWORD = var.platform.password_arn },
    var.secrets.settings,
  )
  freeswitch_secrets = var.secrets.cdr_credentials == null ? {} : { FREESWITCH_CDR_CREDENTIALS = var.secrets.cdr_credentials }
  prepare_secrets    = var.secrets.routes == null ? {} : { ROUTES = var.secrets.routes }

  # The controller's sessions become a metric with the service's name, which the autoscaling looks at.
  metrics_configuration = {
    receivers = {
      prometheus = {
        config = {
          scrape_configs = [{
            job_name        = "controller"
            scrape_interval = "15s"
            static_configs  = [{ targets = ["127.0.0.1:8081"], labels = { Service = local.service_name } }]
            metric_relabel_configs = [
              { source_labels = ["__name__"], regex = join("|", local.published_metrics), action = "keep" },
            ]
          }]
        }
      }
    }
    exporters = {
      awsemf = {
        region                  = data.aws_region.current.region
        namespace               = var.metric_namespace
        log_group_name          = aws_cloudwatch_log_group.metrics.name
        log_stream_name         = "controllers"
        dimension_rollup_option = "NoDimensionRollup"
        metric_declarations     = [{ dimensions = [["Service"]], metric_name_selectors = ["^(${join("|", local.published_metrics)})$"] }]
      }
    }
    service = {
      pipelines = { metrics = { receivers = ["prometheus"], exporters = ["awsemf"] } }
    }
  }

  sessions_metric   = "switchyard_controller_freeswitch_sessions"
  published_metrics = [local.sessions_metric, "switchyard_controller_link_up", "switchyard_controller_ready"]
}
