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

resource "aws_appautoscaling_target" "provisioned" {
  count = var.api.provisioned == null ? 0 : 1

  service_namespace  = "lambda"
  scalable_dimension = "lambda:function:ProvisionedConcurrency"
  resource_id        = "function:${aws_lambda_function.this["api"].function_name}:${aws_lambda_alias.live["api"].name}"
  min_capacity       = var.api.provisioned.min
  max_capacity       = var.api.provisioned.max

  lifecycle {
    # The schedule moves them.
    ignore_changes = [min_capacity, max_capacity]
  }
}

resource "aws_appautoscaling_policy" "provisioned" {
  count = length(aws_appautoscaling_target.provisioned)

  name               = "${var.name}-provisioned"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.provisioned[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.provisioned[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.provisioned[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value = var.api.provisioned.utilisation

    predefined_metric_specification {
      predefined_metric_type = "LambdaProvisionedConcurrencyUtilization"
    }
  }
}

resource "aws_appautoscaling_scheduled_action" "provisioned" {
  for_each = try(var.api.provisioned.schedule, {})

  name               = "${var.name}-${each.key}"
  service_namespace  = aws_appautoscaling_target.provisioned[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.provisioned[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.provisioned[0].resource_id
  schedule           = each.value.cron
  timezone           = var.api.provisioned.timezone

  scalable_target_action {
    min_capacity = each.value.min
    max_capacity = each.value.max
  }
}
