output "sip_addresses" {
  description = "For carriers: where to send SIP, UDP and TCP 5060. Any of them."
  value       = module.switchyard.sip_addresses
}

output "nat_addresses" {
  description = "For carriers: where RTP comes from."
  value       = module.switchyard.nat_addresses
}

output "secrets" {
  description = "ARNs of the secrets: the routes file is one of them."
  value       = module.switchyard.secrets
}

output "cluster" {
  description = "The ECS cluster and its services."
  value       = module.switchyard.cluster
}

output "scaler_function" {
  description = "The scaler, to be invoked by hand."
  value       = module.switchyard.scaler_function
}
