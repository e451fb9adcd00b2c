# What the sides log, for as long as the environment lasts: when a switch fails, its new side goes, and why it failed must
# still be there to be read.

locals {
  containers = ["api", "api-collector", "worker", "worker-collector"]

  log_group_names = {
    lambda  = { for service in ["api", "worker"] : service => "/aws/lambda/${local.name}-${service}" }
    fargate = { for container in local.containers : container => "/ecs/${local.name}-fargate/${container}" }
    ec2 = merge(
      { for container in local.containers : container => "/ecs/${local.name}-ec2/${container}" },
      # The prefix by which EventBridge may write.
      { spot = "/aws/events/${local.name}-ec2-spot" },
    )
  }

  # By side, as a side takes them.
  log_groups = { for side, names in local.log_group_names : side => { for key, name in names : key => {
    name = aws_cloudwatch_log_group.side["${side}/${key}"].name
    arn  = aws_cloudwatch_log_group.side["${side}/${key}"].arn
  } } }
}

resource "aws_cloudwatch_log_group" "side" {
  #checkov:skip=CKV_AWS_338:14 days, as for every log of this product
  #checkov:skip=CKV_AWS_158:key_arn decides; without one CloudWatch encrypts by itself
  for_each = merge([for side, names in local.log_group_names : { for key, name in names : "${side}/${key}" => name }]...)

  name              = each.value
  retention_in_days = 14
  kms_key_id        = local.key_arn
}
