# What there is to see: traffic, errors, latency, saturation, database, queue, jobs, alerts. First what every
# environment has, then what each side has.

locals {
  balancer  = { LoadBalancer = var.load_balancer }
  groups    = { for side in var.sides : side => merge(local.balancer, { TargetGroup = var.target_groups[side] }) }
  table     = { TableName = var.table_name }
  functions = { for program in ["api", "worker"] : program => "${var.name}-${program}" }
  clusters  = [for side in ["fargate", "ec2"] : side if contains(var.sides, side)]

  panels = concat(
    local.common,
    [for panel in local.lambda : panel if contains(var.sides, "lambda")],
    flatten([for side in local.clusters : local.containers[side]]),
  )

  common = [
    {
      title    = "Traffic"
      measures = "requests a minute"
      metrics  = [for side, group in local.groups : { namespace = "AWS/ApplicationELB", name = "RequestCount", dimensions = group, stat = "Sum", label = side }]
    },
    {
      title    = "Errors"
      measures = "answers a minute"
      metrics = [for name, label in { HTTPCode_ELB_5XX_Count = "5xx of the load balancer", HTTPCode_Target_5XX_Count = "5xx", HTTPCode_Target_4XX_Count = "4xx" } :
        { namespace = "AWS/ApplicationELB", name = name, dimensions = local.balancer, stat = "Sum", label = label }
      ]
    },
    {
      title    = "Latency"
      measures = "seconds"
      metrics = [for stat in ["p50", "p90", "p99"] :
        { namespace = "AWS/ApplicationELB", name = "TargetResponseTime", dimensions = local.balancer, stat = stat, label = stat }
      ]
    },
    {
      title    = "Healthy targets"
      measures = "targets"
      metrics  = [for side, group in local.groups : { namespace = "AWS/ApplicationELB", name = "HealthyHostCount", dimensions = group, stat = "Minimum", label = side }]
    },
    {
      title    = "Database units"
      measures = "units a minute"
      metrics = [for name, label in { ConsumedReadCapacityUnits = "read", ConsumedWriteCapacityUnits = "written" } :
        { namespace = "AWS/DynamoDB", name = name, dimensions = local.table, stat = "Sum", label = label }
      ]
    },
    {
      title    = "Database refusals"
      measures = "refusals a minute"
      metrics = [for name, label in { ReadThrottleEvents = "reads throttled", WriteThrottleEvents = "writes throttled", TransactionConflict = "conflicts" } :
        { namespace = "AWS/DynamoDB", name = name, dimensions = local.table, stat = "Sum", label = label }
      ]
    },
    {
      title    = "Queue"
      measures = "messages"
      metrics = [
        { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = var.queues.jobs }, stat = "Maximum", label = "waiting" },
        { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesNotVisible", dimensions = { QueueName = var.queues.jobs }, stat = "Maximum", label = "at work" },
        { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = var.queues.dead_letters }, stat = "Maximum", label = "dead letters" },
      ]
    },
    {
      title    = "Oldest message"
      measures = "seconds"
      metrics  = [{ namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = var.queues.jobs }, stat = "Maximum", label = "age" }]
    },
    {
      title    = "Alerts told"
      measures = "messages a minute"
      metrics = [for name, label in { NumberOfMessagesPublished = "published", NumberOfNotificationsDelivered = "delivered", NumberOfNotificationsFailed = "failed" } :
        { namespace = "AWS/SNS", name = name, dimensions = { TopicName = var.alerts_topic }, stat = "Sum", label = label }
      ]
    },
  ]

  lambda = [
    {
      title    = "Answers of the function"
      measures = "answers a minute"
      metrics = [for class in ["2xx", "3xx", "4xx", "5xx"] :
        { namespace = "ContactManager", name = "contacts_http_requests_total", dimensions = { service = local.functions.api, status_class = class }, stat = "Sum", label = class }
      ]
    },
    {
      title    = "Latency of the function"
      measures = "seconds"
      metrics = [for stat in ["p50", "p90", "p99"] :
        { namespace = "ContactManager", name = "contacts_http_request_duration_seconds", dimensions = { service = local.functions.api }, stat = stat, label = stat }
      ]
    },
    {
      title    = "Calls that failed"
      measures = "calls a minute"
      metrics = flatten([for program, function in local.functions : [for name in ["Errors", "Throttles"] :
        { namespace = "AWS/Lambda", name = name, dimensions = { FunctionName = function }, stat = "Sum", label = "${program} ${lower(name)}" }
      ]])
    },
    {
      title    = "Calls at once"
      measures = "calls"
      metrics = [for program, function in local.functions :
        { namespace = "AWS/Lambda", name = "ConcurrentExecutions", dimensions = { FunctionName = function }, stat = "Maximum", label = program }
      ]
    },
    {
      title    = "Database units by program"
      measures = "units a minute"
      metrics = [for program, function in local.functions :
        { namespace = "ContactManager", name = "contacts_dynamodb_consumed_units", dimensions = { service = function }, stat = "Sum", label = program }
      ]
    },
    {
      title    = "Writes tried again"
      measures = "attempts a minute"
      metrics = flatten([for program, function in local.functions : [for name, label in { contacts_dynamodb_throttles_total = "throttled", contacts_dynamodb_conflicts_total = "conflicts" } :
        { namespace = "ContactManager", name = name, dimensions = { service = function }, stat = "Sum", label = "${program} ${label}" }
      ]])
    },
    {
      title    = "Jobs"
      measures = "jobs a minute"
      metrics = [for state in ["succeeded", "failed", "cancelled"] :
        { namespace = "ContactManager", name = "contacts_jobs_ended_total", dimensions = { service = local.functions.worker, state = state }, stat = "Sum", label = state }
      ]
    },
    {
      title    = "Events: time to be told"
      measures = "seconds"
      metrics = [for stat in ["p50", "p99"] :
        { namespace = "ContactManager", name = "contacts_event_age_seconds", dimensions = { service = local.functions.worker }, stat = stat, label = stat }
      ]
    },
    {
      title    = "Refused"
      measures = "requests a minute"
      metrics = [for name, label in { contacts_auth_failures_total = "credentials", contacts_rate_limited_total = "too many" } :
        { namespace = "ContactManager", name = name, dimensions = { service = local.functions.api }, stat = "Sum", label = label }
      ]
    },
  ]

  containers = { for side in local.clusters : side => concat(
    [for name, title in { CPUUtilization = "Processor", MemoryUtilization = "Memory" } : {
      title                              = "${title} on ${side}"
      measures                           = "percent"
      metrics = [for service in ["api", "worker"] :
        { namespace = "AWS/ECS", name = name, dimensions = { ClusterName = "${var.name}-${side}", ServiceName = service }, stat = "Average", label = service }
      ]
    }],
    [{
      # Each task gives one sample a minute (Amazon ECS Developer Guide, "Service RUNNING task count").
      title    = "Tasks on ${side}"
      measures = "tasks"
      metrics = [for service in ["api", "worker"] :
        { namespace = "AWS/ECS", name = "CPUUtilization", dimensions = { ClusterName = "${var.name}-${side}", ServiceName = service }, stat = "SampleCount", label = service }
      ]
    }],
    [{
      title    = "Metrics lost on ${side}"
      measures = "batches a minute"
      metrics  = [{ namespace = var.name, name = "${side}-metrics-dropped", dimensions = {}, stat = "Sum", label = "refused" }]
    }],
  ) }
}
