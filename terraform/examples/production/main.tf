# Three zones, each with a NAT gateway; protected against being deleted; alarms that somebody gets; a key and secrets of one's own;
# optionally a second region. State belongs into an encrypted bucket with versions:
#
#   terraform {
#     backend "s3" {
#       bucket       = "..."
#       key          = "switchyard.tfstate"
#       region       = "..."
#       encrypt      = true
#       use_lockfile = true
#     }
#   }

provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}

provider "aws" {
  alias  = "second"
  region = var.second_region == null ? var.region : var.second_region.region

  default_tags {
    tags = local.tags
  }
}

locals {
  tags = { Application = "switchyard", Environment = "production" }

  # What both regions have in common.
  proxy = {
    size  = { cpu = 1024, memory = 2048 }
    tasks = { minimum = 3, maximum = 12 }
    settings = {
      SWITCHYARD_LIMITS__SOURCE_CALLS = "100"
      SWITCHYARD_LOG__REDACT_NUMBERS  = "true"
    }
  }

  switch = {
    size     = { cpu = 4096, memory = 8192, disk = 50 }
    capacity = { minimum = 3, maximum = 40, sessions = 150, sessions_target = 100 }
    polly    = var.polly
    settings = {
      SWITCHYARD_LOG__REDACT_NUMBERS = "true"
    }
  }

  interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"]
  platform            = var.platform == null ? null : { url = var.platform.url, api_user = var.platform.api_user, gateway_function_arn = var.platform.gateway_function_arn }
  recordings          = var.platform == null ? null : { expire_after_days = 90, readers = var.recording_readers }
  nat_instance        = length(var.carriers_without_symmetric_rtp) == 0 ? null : { carriers = var.carriers_without_symmetric_rtp }
}

module "switchyard" {
  source = "../../modules/region"

  name                        = "switchyard"
  zones                       = var.zones
  carriers                    = var.carriers
  images                      = var.images
  scaler_package              = var.scaler_package
  scaler_reserved_concurrency = 2
  proxy                       = local.proxy
  switch                      = local.switch
  api                         = length(var.api_clients) == 0 ? null : { clients = var.api_clients, certificate_arn = var.api_certificate_arn }
  platform                    = var.platform == null ? null : merge(local.platform, { region = var.platform.region })
  recordings                  = local.recordings
  nat_instance                = local.nat_instance
  interface_endpoints         = local.interface_endpoints
  log_retention_days          = 365
  alarm_emails                = var.alarm_emails
}

module "second" {
  source = "../../modules/region"
  count  = var.second_region == null ? 0 : 1

  providers = { aws = aws.second }

  name                        = "switchyard-2"
  cidr                        = var.second_region.cidr
  zones                       = var.second_region.zones
  carriers                    = var.carriers
  images                      = var.second_region.images
  scaler_package              = var.scaler_package
  scaler_reserved_concurrency = 2
  proxy                       = local.proxy
  switch                      = local.switch
  api                         = length(var.api_clients) == 0 ? null : { clients = var.api_clients, certificate_arn = var.second_region.certificate_arn }
  platform                    = var.platform == null ? null : merge(local.platform, { region = coalesce(var.platform.second_region, var.platform.region), gateway_function_arn = var.platform.second_gateway_function_arn })
  recordings                  = local.recordings
  nat_instance                = local.nat_instance
  interface_endpoints         = local.interface_endpoints
  log_retention_days          = 365
  alarm_emails                = var.alarm_emails
}
