# Quick to grow, slow to shrink.

locals {
  out_cooldown = 60
  in_cooldown  = 300

  predefined = merge([for name, service in var.services : { for metric, target in {
    ECSServiceAverageCPUUtilization    = service.scaling.cpu
    ECSServiceAverageMemoryUtilization = service.scaling.memory
    ALBRequestCountPerTarget           = service.scaling.requests_per_minute
  } : "${name}/${metric}" => { service = name, metric = metric, target = target } if target != null }]...)

  backlogs = { for name, service in var.services : name => service.scaling.backlog if service.scaling.backlog != null }
}

resource "aws_appautoscaling_target" "this" {
  for_each = var.services

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this[each.key].name}"
  min_capacity       = each.value.scaling.min
  max_capacity       = each.value.scaling.max
}

resource "aws_appautoscaling_policy" "predefined" {
  for_each = local.predefined

  name               = "${var.name}-${replace(each.key, "/", "-")}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.value.service].service_namespace
  scalable_dimension = aws_appautoscaling_target.this[each.value.service].scalable_dimension
  resource_id        = aws_appautoscaling_target.this[each.value.service].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_out_cooldown = local.out_cooldown
    scale_in_cooldown  = local.in_cooldown

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
      # app/NAME/ID/targetgroup/NAME/ID
      resource_label = each.value.metric != "ALBRequestCountPerTarget" ? null : join("/", [
        split(":loadbalancer/", var.services[each.value.service].load_balancer.alb_arn)[1],
        reverse(split(":", var.services[each.value.service].load_balancer.target_group_arn))[0],
      ])
    }
  }
}

# Messages that wait, by task that runs: the queue's length alone says nothing about how long they wait. Every task
# reports its CPU once a minute, so the number of reports is the number of tasks, also without Container Insights.
resource "aws_appautoscaling_policy" "backlog" {
  for_each = local.backlogs

  name               = "${var.name}-${each.key}-backlog"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.per_task
    scale_out_cooldown = local.out_cooldown
    scale_in_cooldown  = local.in_cooldown

    customized_metric_specification {
      metrics {
        id          = "waiting"
        return_data = false

        metric_stat {
          stat = "Sum"

          metric {
            namespace   = "AWS/SQS"
            metric_name = "ApproximateNumberOfMessagesVisible"

            dimensions {
              name  = "QueueName"
              value = each.value.queue_name
            }
          }
        }
      }

      metrics {
        id          = "running"
        return_data = false

        metric_stat {
          stat = "SampleCount"

          metric {
            namespace   = "AWS/ECS"
            metric_name = "CPUUtilization"

            dimensions {
              name  = "ClusterName"
              value = aws_ecs_cluster.this.name
            }

            dimensions {
              name  = "ServiceName"
              value = aws_ecs_service.this[each.key].name
            }
          }
        }
      }

      metrics {
        id          = "backlog"
        label       = "Messages waiting per task"
        expression  = "waiting / running"
        return_data = true
      }
    }
  }
}
