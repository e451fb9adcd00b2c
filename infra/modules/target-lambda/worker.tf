resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn = var.worker.queue_arn
  function_name    = aws_lambda_alias.live["worker"].arn
  batch_size       = var.worker.batch

  # The answer names the messages that must come again; the others are done.
  function_response_types = ["ReportBatchItemFailures"]

  # Here and not as the function's own limit: messages beyond it wait in the queue and count as no failure.
  scaling_config {
    maximum_concurrency = var.worker.max_concurrency
  }

  depends_on = [aws_iam_role_policy.code, aws_iam_role_policy.service]
}
