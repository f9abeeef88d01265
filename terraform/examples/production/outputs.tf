locals {
  regions = merge(
    { (var.region) = module.switchyard },
    length(module.second) == 0 ? {} : { (var.second_region.region) = module.second[0] },
  )
}

output "sip_addresses" {
  description = "For carriers, by region: where to send SIP, UDP and TCP 5060, or 5080 for those without symmetric RTP. Any of them."
  value       = { for region, fleet in local.regions : region => fleet.sip_addresses }
}

output "nat_addresses" {
  description = "For carriers, by region: where RTP and our own SIP requests come from. They have to let in all of them."
  value       = { for region, fleet in local.regions : region => fleet.nat_addresses }
}

output "api_hosts" {
  description = "Where calls are made, by region."
  value       = { for region, fleet in local.regions : region => fleet.api_host }
}

output "secrets" {
  description = "ARNs of the secrets, by region: they are empty at first."
  value       = { for region, fleet in local.regions : region => fleet.secrets }
}

output "clusters" {
  description = "ECS clusters and their services, by region."
  value       = { for region, fleet in local.regions : region => fleet.cluster }
}

output "scaler_functions" {
  description = "The scalers, by region."
  value       = { for region, fleet in local.regions : region => fleet.scaler_function }
}

output "recordings_buckets" {
  description = "Where recordings are, by region."
  value       = { for region, fleet in local.regions : region => fleet.recordings_bucket }
}

output "dashboards" {
  description = "Names of the dashboards in CloudWatch, by region."
  value       = { for region, fleet in local.regions : region => fleet.dashboard }
}

output "protected" {
  description = "Whether the addresses that carriers know are kept from being deleted by mistake, by region."
  value       = { for region, fleet in local.regions : region => fleet.protected }
}
