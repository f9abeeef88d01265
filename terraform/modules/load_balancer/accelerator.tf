resource "aws_globalaccelerator_accelerator" "this" {
  count = var.global_accelerator ? 1 : 0

  name            = var.name
  ip_address_type = "IPV4"
  enabled         = true
  tags            = merge(var.tags, { Name = var.name })
}

# Packets of one carrier stay with one endpoint.
resource "aws_globalaccelerator_listener" "this" {
  for_each = var.global_accelerator ? local.transports : {}

  accelerator_arn = aws_globalaccelerator_accelerator.this[0].arn
  protocol        = upper(each.value.protocol)
  client_affinity = "SOURCE_IP"

  port_range {
    from_port = each.value.port
    to_port   = each.value.port
  }
}

resource "aws_globalaccelerator_endpoint_group" "this" {
  for_each = aws_globalaccelerator_listener.this

  listener_arn = each.value.arn

  endpoint_configuration {
    endpoint_id                    = aws_lb.this.arn
    client_ip_preservation_enabled = true
  }
}
