# The load balancer calls the alias, so that a release can be shared between two versions.

resource "aws_lambda_permission" "load_balancer" {
  function_name  = aws_lambda_function.this["api"].function_name
  qualifier      = aws_lambda_alias.live["api"].name
  statement_id   = "load-balancer"
  action         = "lambda:InvokeFunction"
  principal      = "elasticloadbalancing.amazonaws.com"
  source_arn     = var.target_group_arn
  source_account = data.aws_caller_identity.current.account_id
}

resource "aws_lb_target_group_attachment" "api" {
  target_group_arn = var.target_group_arn
  target_id        = aws_lambda_alias.live["api"].arn

  # The load balancer tries the function when it is registered.
  depends_on = [aws_lambda_permission.load_balancer, aws_iam_role_policy.code]
}

# Warm environments, as many as are busy and at least the minimum. While there are any, AWS refuses weights
# on the alias: a release then moves it in one step.

locals {
  scheduled = length(try(var.api.provisioned.schedule, {})) > 0

  # The one target that there is.
  provisioned = one(concat(aws_appautoscaling_target.provisioned, aws_appautoscaling_target.scheduled))
}

resource "aws_appautoscaling_target" "provisioned" {
  count = var.api.provisioned != null && !local.scheduled ? 1 : 0

  service_namespace  = "lambda"
  scalable_dimension = "lambda:function:ProvisionedConcurrency"
  resource_id        = "function:${aws_lambda_function.this["api"].function_name}:${aws_lambda_alias.live["api"].name}"
  min_capacity       = var.api.provisioned.min
  max_capacity       = var.api.provisioned.max

  depends_on = [terraform_data.scheduled]
}

# A schedule moves both numbers: those of the configuration are for the time until its first entry.
resource "aws_appautoscaling_target" "scheduled" {
  count = local.scheduled ? 1 : 0

  service_namespace  = "lambda"
  scalable_dimension = "lambda:function:ProvisionedConcurrency"
  resource_id        = "function:${aws_lambda_function.this["api"].function_name}:${aws_lambda_alias.live["api"].name}"
  min_capacity       = var.api.provisioned.min
  max_capacity       = var.api.provisioned.max

  lifecycle {
    ignore_changes = [min_capacity, max_capacity]
  }

  depends_on = [terraform_data.scheduled]
}

# To AWS both are the same target, with which its policy goes too. When a schedule comes or goes, the old one has to be gone
# before the new one is made: it goes before this is replaced, and the other comes after.
resource "terraform_data" "scheduled" {
  count = var.api.provisioned == null ? 0 : 1

  triggers_replace = local.scheduled
}

resource "aws_appautoscaling_policy" "provisioned" {
  count = var.api.provisioned == null ? 0 : 1

  name               = "${var.name}-provisioned"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = local.provisioned.service_namespace
  scalable_dimension = local.provisioned.scalable_dimension
  resource_id        = local.provisioned.resource_id

  target_tracking_scaling_policy_configuration {
    target_value = var.api.provisioned.utilisation

    predefined_metric_specification {
      predefined_metric_type = "LambdaProvisionedConcurrencyUtilization"
    }
  }

  lifecycle {
    replace_triggered_by = [terraform_data.scheduled]
  }
}

resource "aws_appautoscaling_scheduled_action" "provisioned" {
  for_each = try(var.api.provisioned.schedule, {})

  name               = "${var.name}-${each.key}"
  service_namespace  = local.provisioned.service_namespace
  scalable_dimension = local.provisioned.scalable_dimension
  resource_id        = local.provisioned.resource_id
  schedule           = each.value.cron
  timezone           = var.api.provisioned.timezone

  scalable_target_action {
    min_capacity = each.value.min
    max_capacity = each.value.max
  }
}
