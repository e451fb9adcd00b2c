# Objects: exports of the table, the history of figures, and whatever is too large for an item.

resource "aws_s3_bucket" "objects" {
  #checkov:skip=CKV_AWS_19:The resource of its own below encrypts it.
  #checkov:skip=CKV_AWS_145:Without key_arn AWS's own key does.
  #checkov:skip=CKV_AWS_18:CloudTrail records who manages the bucket; reads are those of the account's own roles.
  #checkov:skip=CKV_AWS_144:The table is replicated where replicas are wanted; exports can be made anew from it.
  #checkov:skip=CKV2_AWS_62:Nothing waits for objects to appear.
  bucket        = "${var.name}-objects-${data.aws_caller_identity.current.account_id}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "objects" {
  bucket                  = aws_s3_bucket.objects.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "objects" {
  bucket = aws_s3_bucket.objects.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "objects" {
  bucket = aws_s3_bucket.objects.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "objects" {
  bucket = aws_s3_bucket.objects.id

  rule {
    # One data key for many objects: fewer calls to KMS, which are paid for.
    bucket_key_enabled = var.key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "objects" {
  bucket = aws_s3_bucket.objects.id

  # Rules about old versions are refused where there is no versioning yet.
  depends_on = [aws_s3_bucket_versioning.objects]

  rule {
    id     = "what-is-left-over"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    # Long enough to notice that something was overwritten or deleted by mistake.
    noncurrent_version_expiration {
      noncurrent_days = 90
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  # The history is written anew each minute, and what the worker merges it removes: old versions are of no use.
  rule {
    id     = "history"
    status = "Enabled"

    filter {
      prefix = "system/"
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }
}

data "aws_iam_policy_document" "objects" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.objects.arn, "${aws_s3_bucket.objects.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "objects" {
  bucket = aws_s3_bucket.objects.id
  policy = data.aws_iam_policy_document.objects.json

  # S3 refuses two changes to a bucket's access at the same time.
  depends_on = [aws_s3_bucket_public_access_block.objects]
}
