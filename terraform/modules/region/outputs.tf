output "sip_addresses" {
  description = "For carriers: where to send SIP, UDP and TCP 5060, or 5080 for those behind the NAT instances. Any of them."
  value       = length(module.load_balancer.accelerator_addresses) > 0 ? module.load_balancer.accelerator_addresses : values(module.load_balancer.addresses)
}

output "sip_host" {
  description = "What carriers see in Contact and Record-Route."
  value       = module.load_balancer.advertised_host
}

output "nat_addresses" {
  description = "For carriers: where RTP and our own SIP requests come from. They have to let in all of them."
  value = {
    nat_gateways  = distinct(values(module.network.nat_gateway_addresses))
    nat_instances = distinct(values(module.network.nat_instance_addresses))
  }
}

output "api_host" {
  description = "Where calls are made, inside the VPC; null without `api`."
  value       = module.switch.api_host
}

output "secrets" {
  description = "ARNs of the secrets, by what they are for."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "cluster" {
  description = "The ECS cluster and its services."
  value = {
    name   = aws_ecs_cluster.this.name
    proxy  = module.proxy.service_name
    switch = module.switch.service_name
  }
}

output "scaler_function" {
  description = "The scaler, to be invoked by hand: {\"action\": \"reconcile\"}."
  value       = module.scaler.function_name
}

output "snapshot_url" {
  description = "The target list."
  value       = module.scaler.snapshot.url
}

output "recordings_bucket" {
  description = "Where recordings are; null without."
  value       = one([for recordings in module.recordings : recordings.bucket])
}

output "call_data_records" {
  description = "Where FreeSWITCH posts them, and the secret that it does so with; null: nowhere."
  value       = module.switch.call_data_records
}

output "alarm_topic_arn" {
  description = "Where alarms are told, for other subscriptions."
  value       = module.observability.topic_arn
}

output "dashboard" {
  description = "The dashboard's name in CloudWatch."
  value       = module.observability.dashboard
}

output "vpc_id" {
  description = "The VPC, to peer with."
  value       = module.network.vpc_id
}

output "protected" {
  description = "Whether the addresses that carriers know are kept from being deleted by mistake."
  value       = module.load_balancer.deletion_protection
}
