output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Subnets of the load balancer, by zone."
  value       = [for zone in local.zones : aws_subnet.public[zone].id]

  # A load balancer that faces the internet is refused before the subnets have a way there.
  depends_on = [aws_route.internet, aws_route_table_association.public]
}

output "private_subnet_ids" {
  description = "Subnets of tasks, by zone; empty unless private."
  value       = [for zone in local.private_zones : aws_subnet.private[zone].id]

  # Whoever runs in them needs the way out from the first second: images come through it.
  depends_on = [aws_route.nat, aws_route_table_association.private, aws_vpc_endpoint.gateway, aws_vpc_endpoint.interface]
}

output "data_subnet_ids" {
  description = "Subnets without a way out, by zone."
  value       = [for zone in local.zones : aws_subnet.data[zone].id]
}

output "route_table_ids" {
  description = "Route tables: public and data one each, private by zone."
  value = {
    public  = aws_route_table.public.id
    private = { for zone, table in aws_route_table.private : zone => table.id }
    data    = aws_route_table.data.id
  }
}

output "nat_public_ips" {
  description = "The addresses that the private subnets are seen by, e.g. for somebody's allow list."
  value       = [for address in aws_eip.nat : address.public_ip]
}
