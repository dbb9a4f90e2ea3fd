#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The AWS CLI, unmodified, against the local SQS. Each function whose name is a sentence is a test; what it
# prints is shown when it fails. Started by tools/conformance.sh, which gives it a directory to work in.
set -uo pipefail
export LC_ALL=C.UTF-8 AWS_PAGER= AWS_MAX_ATTEMPTS=1 AWS_DEFAULT_REGION=us-east-1
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
work=$1
aws=${LAMBDAKIQ_AWS:-aws}
key=AKIDCONFORMANCE secret='the secret of the conformance tests'

# --- A server for each test, whose clock is its own ---------------------------------------------

# Starts it with these options, or instead of one that runs. Sets url.
start() {
  [ -z "${server:-}" ] || stop
  local ready=$work/ready.$BASHPID line=
  "$LAMBDAKIQ_COMMAND" serve --port 0 --json "$@" >"$ready" &
  server=$!
  until line=$(grep -m 1 url "$ready"); do
    kill -0 "$server" || { echo "lambdakiq serve $* did not start"; exit 1; }
    sleep 0.05
  done
  url=$(sed 's/.*"url": *"\([^"]*\)".*/\1/' <<<"$line")
}

stop() {
  kill -TERM "$server"
  wait "$server" || { echo "lambdakiq serve ended with $?"; exit 1; }
  server=
}

# --- What tests say ---------------------------------------------------------------------------

# An operation, its answer as text. (Several values are parted by tabs, None is what is absent.)
sqs() {
  echo "$1" >>"$work/called"
  "$aws" --endpoint-url "$url" --output text sqs "$@"
}

equal() {
  [ "$1" = "$2" ] || { printf 'expected: %q\nbut was:  %q\n' "$1" "$2"; exit 1; }
}

# refused CODE REASON OPERATION…: the call fails with this code and these words.
refused() {
  local code=$1 reason=$2 output status=0
  output=$(sqs "${@:3}" 2>&1) || status=$?
  [ "$status" = 254 ] || { echo "exit status $status: $output"; exit 1; }
  [[ $output == *"($code)"* && $output == *"$reason"* ]] || { echo "not $code, $reason: $output"; exit 1; }
}

advance() { curl -fsS "$url/_lambdakiq/clock" -d "{\"advance_s\": $1}"; }

# make NAME [ATTRIBUTES]: creates a queue. Sets queue.
make() { queue=$(sqs create-queue --queue-name "$1" "${@:2}" --query QueueUrl); }

# --- The tests --------------------------------------------------------------------------------

a_queue_is_created_found_listed_and_deleted() {
  make life --tags team=shop
  equal "$url/000000000000/life" "$queue"
  equal "$queue" "$(sqs get-queue-url --queue-name life --query QueueUrl)"
  equal "$queue" "$(sqs list-queues --queue-name-prefix life --query QueueUrls)"
  sqs delete-queue --queue-url "$queue"
  refused AWS.SimpleQueueService.NonExistentQueue 'does not exist' get-queue-url --queue-name life
}

creating_it_again_with_another_value_is_refused() {
  make again --attributes DelaySeconds=5
  refused QueueAlreadyExists 'attribute DelaySeconds' create-queue --queue-name again --attributes DelaySeconds=6
}

attributes_are_set_and_shown() {
  make attributes.fifo --attributes FifoQueue=true
  sqs set-queue-attributes --queue-url "$queue" \
    --attributes VisibilityTimeout=43200,ContentBasedDeduplication=true
  equal $'43200\ttrue\t1048576\t0' "$(sqs get-queue-attributes --queue-url "$queue" --attribute-names All --query \
    'Attributes.[VisibilityTimeout,FifoQueue,MaximumMessageSize,ApproximateNumberOfMessages]')"
  refused InvalidAttributeValue VisibilityTimeout \
    set-queue-attributes --queue-url "$queue" --attributes VisibilityTimeout=43201
}

pages_of_queues_are_complete() {
  local n
  for n in 1 2 3; do make "page-$n"; done
  equal "$(printf '%s\n' "$url"/000000000000/page-{1,2,3})" \
    "$(sqs list-queues --queue-name-prefix page- --page-size 2 --query QueueUrls | tr '\t' '\n')"
}

tags_are_set_listed_and_removed() {
  make tags
  sqs tag-queue --queue-url "$queue" --tags '{"team":"mail","é":"ü"}'
  equal $'mail\tü' "$(sqs list-queue-tags --queue-url "$queue" --query 'Tags.[team,"é"]')"
  sqs untag-queue --queue-url "$queue" --tag-keys team é
  equal None "$(sqs list-queue-tags --queue-url "$queue" --query Tags)"
}

permissions_are_added_and_removed() {
  make permissions
  sqs add-permission --queue-url "$queue" --label one --aws-account-ids 123456789012 --actions SendMessage
  local policy
  policy=$(sqs get-queue-attributes --queue-url "$queue" --attribute-names Policy --query Attributes.Policy)
  [[ $policy == *'"Action":"SQS:SendMessage"'* ]] || { echo "$policy"; exit 1; }
  sqs remove-permission --queue-url "$queue" --label one
  refused InvalidParameterValue "can't find label" remove-permission --queue-url "$queue" --label one
}

a_body_and_attributes_come_back_unchanged() {
  local body=$'é ✓ 😀 <&>\r\nb\tc'
  make message
  equal "$(printf %s "$body" | md5sum | cut -d ' ' -f 1)" "$(sqs send-message --queue-url "$queue" \
    --message-body "$body" --query MD5OfMessageBody --message-attributes \
    '{"bin":{"DataType":"Binary.png","BinaryValue":"AAH/"},"Count":{"DataType":"Number","StringValue":"42"},
      "trace_id":{"DataType":"String.uuid","StringValue":"abc"}}' --message-system-attributes \
    'AWSTraceHeader={DataType=String,StringValue="Root=1-5759e988-bd862e3fe1be46a994272793"}')"
  sqs receive-message --queue-url "$queue" --attribute-names All --message-attribute-names All --output json \
    >"$work/message.json"
  equal "$body" "$(field Body)"
  equal f5b4992ceba1238c508c82f02c1aa8dc "$(field MD5OfMessageAttributes)"
  equal AAH/ "$(field MessageAttributes bin BinaryValue)"
  equal 42 "$(field MessageAttributes Count StringValue)"
  equal 1 "$(field Attributes ApproximateReceiveCount)"
  equal Root=1-5759e988-bd862e3fe1be46a994272793 "$(field Attributes AWSTraceHeader)"
}

# field NAME…: what stands there in the message that was received.
field() {
  ruby -rjson -e 'print JSON.parse(File.read(ARGV.shift)).fetch("Messages").first.dig(*ARGV)' "$work/message.json" "$@"
}

bodies_that_cannot_be_are_refused() {
  make bodies
  refused InvalidMessageContents '' send-message --queue-url "$queue" --message-body $'\x01'
  refused InvalidParameterValue 'non-empty value' send-message --queue-url "$queue" --message-body x \
    --message-attributes '{"a":{"DataType":"String","StringValue":""}}'
}

a_delayed_message_comes_after_its_delay_and_again_after_its_timeout() {
  make times
  sqs send-message --queue-url "$queue" --message-body late --delay-seconds 60
  equal None "$(receive Body)"
  advance 61
  equal late "$(receive Body)"
  advance 31
  local handle
  handle=$(receive ReceiptHandle)
  sqs change-message-visibility --queue-url "$queue" --receipt-handle "$handle" --visibility-timeout 0
  handle=$(receive ReceiptHandle)
  sqs delete-message --queue-url "$queue" --receipt-handle "$handle"
  refused InvalidParameterValue 'visibility timeout change' change-message-visibility --queue-url "$queue" \
    --receipt-handle "$handle" --visibility-timeout 1
  refused ReceiptHandleIsInvalid 'not a valid receipt handle' delete-message --queue-url "$queue" \
    --receipt-handle nonsense
}

# receive FIELD [OPTIONS]: that of the messages that can be received.
receive() { sqs receive-message --queue-url "$queue" --query "Messages[].$1" "${@:2}"; }

a_long_poll_is_ended_by_a_send() {
  make poll
  receive Body --wait-time-seconds 20 >"$work/poll.out" &
  local poll=$!
  sqs send-message --queue-url "$queue" --message-body x
  wait "$poll"
  equal x "$(cat "$work/poll.out")"
}

a_bad_entry_of_a_batch_fails_alone() {
  make batch
  equal $'good\nbad\tInvalidMessageContents\tTrue' "$(sqs send-message-batch --queue-url "$queue" --entries \
    '[{"Id":"good","MessageBody":"x"},{"Id":"bad","MessageBody":"\u0001"}]' \
    --query '[Successful[].[Id],Failed[].[Id,Code,SenderFault]][]')"
  local handle
  handle=$(receive ReceiptHandle)
  equal $'good\nbad\tReceiptHandleIsInvalid' "$(sqs change-message-visibility-batch --queue-url "$queue" --entries \
    "[{\"Id\":\"good\",\"ReceiptHandle\":\"$handle\",\"VisibilityTimeout\":60},
      {\"Id\":\"bad\",\"ReceiptHandle\":\"nonsense\",\"VisibilityTimeout\":60}]" \
    --query '[Successful[].[Id],Failed[].[Id,Code]][]')"
  equal $'good\nbad\tReceiptHandleIsInvalid' "$(sqs delete-message-batch --queue-url "$queue" --entries \
    "Id=good,ReceiptHandle=$handle" Id=bad,ReceiptHandle=nonsense \
    --query '[Successful[].[Id],Failed[].[Id,Code]][]')"
  refused AWS.SimpleQueueService.BatchEntryIdsNotDistinct '' send-message-batch --queue-url "$queue" \
    --entries Id=1,MessageBody=x Id=1,MessageBody=y
}

a_fifo_queue_keeps_order_and_takes_no_duplicates() {
  make fifo.fifo --attributes FifoQueue=true
  put() { sqs send-message --queue-url "$queue" --message-body "$1" --message-group-id g \
    --message-deduplication-id "$2" --query "$3"; }
  local first second
  first=$(put a 1 '[MessageId,SequenceNumber]')
  equal "$first" "$(put again 1 '[MessageId,SequenceNumber]')"
  second=$(put b 2 SequenceNumber)
  [[ ${first#*$'\t'} < $second ]] || { echo "$second is not above $first"; exit 1; }
  local handle
  equal a "$(receive Body --visibility-timeout 0)"
  handle=$(receive ReceiptHandle)
  equal None "$(receive Body)"
  advance 31
  refused InvalidParameterValue 'The receipt handle has expired.' delete-message --queue-url "$queue" \
    --receipt-handle "$handle"
  equal $'a\tb' "$(receive Body --max-number-of-messages 10)"
  refused MissingParameter MessageGroupId send-message --queue-url "$queue" --message-body x
}

a_message_that_is_received_too_often_is_a_dead_letter() {
  local dead source
  make dead
  dead=$queue
  make source --attributes \
    '{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:dead\",\"maxReceiveCount\":\"1\"}"}'
  source=$queue
  equal "$source" "$(sqs list-dead-letter-source-queues --queue-url "$dead" --query queueUrls)"
  sqs send-message --queue-url "$source" --message-body x
  equal x "$(receive Body --visibility-timeout 0)"
  equal None "$(receive Body)"
  queue=$dead
  equal $'2\tarn:aws:sqs:us-east-1:000000000000:source' "$(receive \
    'Attributes.[ApproximateReceiveCount,DeadLetterQueueSourceArn]' --attribute-names All)"
  sqs purge-queue --queue-url "$dead"
}

signatures_are_checked_over_tls() {
  LAMBDAKIQ_SECRET_ACCESS_KEY=$secret start --access-key-id "$key" \
    --tls-cert "$CONFORMANCE_TLS_CERT" --tls-key "$CONFORMANCE_TLS_KEY"
  export AWS_CA_BUNDLE=$CONFORMANCE_TLS_CERT AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret
  make secure
  [[ $queue == https://*/000000000000/secure ]] || { echo "$queue"; exit 1; }
  sqs send-message --queue-url "$queue" --message-body 'é + ~ * / = &'
  equal 'é + ~ * / = &' "$(receive Body)"
  AWS_SECRET_ACCESS_KEY=another refused SignatureDoesNotMatch '' list-queues
  AWS_ACCESS_KEY_ID=AKIDANOTHER refused InvalidClientTokenId '' list-queues
  refused MissingAuthenticationToken '' list-queues --no-sign-request
}

# The last one. What the CLI knows stands in its answer to a wrong operation.
every_operation_of_the_cli_was_called() {
  local known
  known=$({ "$aws" sqs wrong 2>&1 || true; } | sed '1,/valid choices are/d' | grep -oE '[a-z]+(-[a-z]+)+' | sort)
  [ "$(wc -l <<<"$known")" -ge 20 ] || { echo "the CLI knows: $known"; exit 1; }
  equal '' "$(comm -23 <(echo "$known") <(sort -u "$work/called"))"
}

# --- Running them -----------------------------------------------------------------------------

# A test, in a process of its own: its output in a file, and another file if it passed.
run() {
  (
    set -e
    server=
    trap '[ -z "$server" ] || kill -TERM "$server"' EXIT
    start
    "$1"
    stop
    touch "$work/$1.passed"
  ) >"$work/$1" 2>&1
}

"$aws" --version
mapfile -t tests < <(sed -n 's/^\([a-z]*\(_[a-z]*\)\{2,\}\)() {$/\1/p' "$0")
last=${tests[-1]}
for test in "${tests[@]}"; do
  # Two at a time, since the CLI takes most of the time to start; the last one asks what all others did.
  while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
  [ "$test" != "$last" ] || wait
  run "$test" &
done
wait

failed=0
for test in "${tests[@]}"; do
  if [ -e "$work/$test.passed" ]; then
    echo "ok - ${test//_/ }"
  else
    failed=$((failed + 1))
    echo "not ok - ${test//_/ }"
    sed 's/^/  /' "$work/$test"
  fi
done
echo "$((${#tests[@]} - failed)) passed, $failed failed"
[ "$failed" = 0 ] && [ "${#tests[@]}" -gt 10 ]
