locals {
  encrypted = var.domain != null
  ports     = local.encrypted ? [80, 443] : [80]

  # JSON, as all answers; a fixed response cannot be application/problem+json.
  not_found = jsonencode({
    type   = "about:blank"
    title  = "Not Found"
    status = 404
    detail = "There is nothing at this path."
  })
}

resource "aws_lb_listener" "main" {
  #checkov:skip=CKV_AWS_2:HTTPS with a domain; without one there is no certificate, and encrypted says so
  #checkov:skip=CKV_AWS_103:the policy has TLS 1.3 and 1.2 alone, with a domain
  load_balancer_arn = aws_lb.this.arn
  port              = local.encrypted ? 443 : 80
  protocol          = local.encrypted ? "HTTPS" : "HTTP"
  ssl_policy        = local.encrypted ? "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09" : null
  certificate_arn   = local.encrypted ? local.certificate_arn : null

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "404"
      content_type = "application/json"
      message_body = local.not_found
    }
  }
}

resource "aws_lb_listener" "redirect" {
  count = local.encrypted ? 1 : 0

  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }

  # An environment that gets a domain has its main listener on this port until then.
  depends_on = [aws_lb_listener.main]
}
