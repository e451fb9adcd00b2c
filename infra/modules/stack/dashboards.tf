# What there is to see, and the queries over what was logged.

module "dashboards" {
  source = "../dashboards"

  name          = local.name
  sides         = toset(local.sides)
  load_balancer = local.load_balancer
  target_groups = local.target_groups
  table_name    = module.data.table_name
  queues        = local.queues
  alerts_topic  = element(split(":", module.alerts.topic_arn), 5)
  alarms        = module.alerts.alarm_arns

  # The programs' alone: collectors and hosts write other lines.
  log_groups = flatten([for groups in local.log_groups : [for program in ["api", "worker"] : groups[program].name]])
}
