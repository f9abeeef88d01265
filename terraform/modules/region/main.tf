# All that runs in a region, put together.

locals {
  logs = { retention_days = var.log_retention_days, kms_key_arn = local.key_arn }

  # Alarms look for the metrics of scaler and controllers there.
  metric_namespace = "Switchyard"

  # At a platform, a call is over when its record has come.
  cdr_url = var.switch.cdr_url != null || var.platform == null ? var.switch.cdr_url : "${trimsuffix(var.platform.url, "/")}/call_data_records"
}

resource "aws_ecs_cluster" "this" {
  name = var.name
  tags = var.tags

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

# Names inside the VPC.
resource "aws_service_discovery_private_dns_namespace" "this" {
  name = "${var.name}.internal"
  vpc  = module.network.vpc_id
  tags = var.tags
}

module "network" {
  source = "../network"

  name                 = var.name
  cidr                 = var.cidr
  zones                = var.zones
  nat_gateway_per_zone = var.nat_gateway_per_zone
  nat_instance         = var.nat_instance
  interface_endpoints  = var.interface_endpoints
  flow_logs            = var.flow_logs ? local.logs : null
  tags                 = var.tags
}

module "load_balancer" {
  source = "../load_balancer"

  name                = var.name
  vpc_id              = module.network.vpc_id
  public_subnets      = module.network.public_subnets
  carriers            = toset(var.carriers)
  tls                 = var.tls != null
  dns                 = var.dns
  global_accelerator  = var.global_accelerator
  deletion_protection = var.protection
  tags                = var.tags
}

module "proxy" {
  source = "../proxy"

  name                            = var.name
  cluster_arn                     = aws_ecs_cluster.this.arn
  vpc_id                          = module.network.vpc_id
  private_subnets                 = module.network.private_subnets
  image                           = var.images.proxy
  architecture                    = var.architecture
  size                            = var.proxy.size
  tasks                           = var.proxy.tasks
  settings                        = var.proxy.settings
  load_balancer_security_group_id = module.load_balancer.security_group_id
  target_groups                   = module.load_balancer.target_groups
  advertised_host                 = module.load_balancer.advertised_host
  namespace                       = { id = aws_service_discovery_private_dns_namespace.this.id, name = aws_service_discovery_private_dns_namespace.this.name }
  switch_security_group_id        = module.switch.security_group_id
  switch_networks                 = values(module.network.private_cidrs)
  carriers                        = var.carriers
  snapshot                        = module.scaler.snapshot
  secrets_arn                     = aws_secretsmanager_secret.this["proxy"].arn
  admin_token_arn                 = aws_secretsmanager_secret.this["token"].arn
  secrets_kms_key_arn             = local.key_arn
  metrics_security_group_ids      = var.metrics_security_group_ids
  tls                             = var.tls
  logs                            = local.logs
  tags                            = var.tags
}

module "switch" {
  source = "../switch"

  name                       = var.name
  cluster_arn                = aws_ecs_cluster.this.arn
  vpc_id                     = module.network.vpc_id
  private_subnets            = module.network.private_subnets
  private_cidrs              = values(module.network.private_cidrs)
  images                     = { freeswitch = var.images.freeswitch, controller = var.images.controller }
  architecture               = var.architecture
  size                       = var.switch.size
  capacity                   = var.switch.capacity
  ec2                        = var.switch.ec2
  stop_timeout               = var.switch.stop_timeout
  settings                   = merge({ SWITCHYARD_FLEET__URL = module.scaler.snapshot.url }, var.switch.settings)
  freeswitch_settings        = var.switch.freeswitch_settings
  media_networks             = toset(var.switch.media_networks)
  polly                      = var.switch.polly
  cdr_url                    = local.cdr_url
  proxy_security_group_id    = module.proxy.security_group_id
  metrics_security_group_ids = var.metrics_security_group_ids
  nat_gateway_addresses      = module.network.nat_gateway_addresses
  nat_instance_addresses     = module.network.nat_instance_addresses
  api                        = var.api == null ? null : { clients = var.api.clients, certificate_arn = var.api.certificate_arn, deletion_protection = var.protection }
  task_policies              = merge({ snapshot = module.scaler.snapshot.reader_policy }, { for name, recordings in module.recordings : "recordings" => recordings.writer_policy })
  logs                       = local.logs
  metric_namespace           = local.metric_namespace
  tags                       = var.tags

  platform = var.platform == null ? null : {
    url          = var.platform.url
    user         = var.platform.user
    region       = var.platform.region
    password_arn = aws_secretsmanager_secret.this["platform"].arn
    api_user     = var.platform.api_user
    recordings   = one([for recordings in module.recordings : { url = recordings.url, https_url = recordings.https_url }])

    gateway_function_arn = var.platform.gateway_function_arn
  }

  secrets = {
    api_password    = aws_secretsmanager_secret.this["api"].arn
    routes          = one([for name, secret in aws_secretsmanager_secret.this : secret.arn if name == "routes"])
    cdr_credentials = one([for name, secret in aws_secretsmanager_secret.this : secret.arn if name == "cdr"])
    settings        = var.switch.secrets
    kms_key_arn     = local.key_arn
  }
}

module "scaler" {
  source = "../scaler"

  name                 = var.name
  package              = var.scaler_package
  architecture         = lower(var.architecture)
  cluster_arn          = aws_ecs_cluster.this.arn
  service_name         = module.switch.service_name
  sessions_per_task    = module.switch.sessions_target
  maximum_tasks        = module.switch.maximum_tasks
  settings             = var.scaler_settings
  metric_namespace     = local.metric_namespace
  reserved_concurrency = var.scaler_reserved_concurrency
  kms_key_arn          = local.key_arn
  logs                 = local.logs
  force_destroy        = !var.protection
  tags                 = var.tags

  platform = var.platform == null ? null : {
    url                  = var.platform.url
    user                 = var.platform.user
    region               = var.platform.region
    password_arn         = aws_secretsmanager_secret.this["platform"].arn
    password_kms_key_arn = local.key_arn
  }
}

module "recordings" {
  source = "../recordings"
  count  = var.recordings == null ? 0 : 1

  name              = var.name
  expire_after_days = var.recordings.expire_after_days
  readers           = var.recordings.readers
  force_destroy     = !var.protection
  tags              = var.tags
}

module "observability" {
  source = "../observability"

  name               = var.name
  emails             = var.alarm_emails
  kms_key_arn        = local.key_arn
  runbook_url        = var.runbook_url
  cluster_name       = aws_ecs_cluster.this.name
  proxy_service_name = module.proxy.service_name
  nat_gateway_ids    = module.network.nat_gateway_ids
  tags               = var.tags

  load_balancer = {
    arn_suffix                = module.load_balancer.arn_suffix
    target_group_arn_suffixes = module.load_balancer.target_group_arn_suffixes
  }

  switch = {
    service_name = module.switch.service_name
    sessions     = var.switch.capacity.sessions
    maximum      = module.switch.maximum_tasks
    metric       = module.switch.sessions_metric
  }

  scaler = {
    function_name     = module.scaler.function_name
    failed_queue_name = module.scaler.failed_queue_name
    metrics           = module.scaler.metrics
  }
}
