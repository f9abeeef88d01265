output "addresses" {
  description = "Addresses to give to carriers, by zone: they send SIP to any of them."
  value       = { for zone, eip in aws_eip.this : zone => eip.public_ip }
}

output "accelerator_addresses" {
  description = "The two anycast addresses, if global_accelerator is on: these are for carriers then."
  value       = var.global_accelerator ? aws_globalaccelerator_accelerator.this[0].ip_sets[0].ip_addresses : []
}

output "advertised_host" {
  description = "What proxies should show to carriers: the name, else the first anycast address, else the first zone's."
  value = (
    var.dns != null ? var.dns.name :
    var.global_accelerator ? aws_globalaccelerator_accelerator.this[0].ip_sets[0].ip_addresses[0] :
    aws_eip.this[keys(var.public_subnets)[0]].public_ip
  )
}

output "security_group_id" {
  description = "The load balancer's security group: proxies let SIP and health checks in from it."
  value       = aws_security_group.this.id
}

output "target_groups" {
  description = "Where proxies register, by listener: ARN and port."
  value       = { for name, group in aws_lb_target_group.this : name => { arn = group.arn, port = group.port } }

  # ECS refuses a target group that no load balancer has.
  depends_on = [aws_lb_listener.this]
}

output "arn_suffix" {
  description = "How CloudWatch calls the load balancer."
  value       = aws_lb.this.arn_suffix
}

output "target_group_arn_suffixes" {
  description = "How CloudWatch calls the target groups, by listener."
  value       = { for name, group in aws_lb_target_group.this : name => group.arn_suffix }
}

output "deletion_protection" {
  description = "Whether it has to be turned off before the load balancer can be deleted."
  value       = aws_lb.this.enable_deletion_protection
}
