"""Exit statuses of the commands.

| status | what |
|---|---|
| 0 | done |
| 1 | a question that got no answer; something that was compared differs; a check of `agent doctor` that fails |
| 2 | the input, or the machine, has to be changed by the user |
| 3 | an answer that nothing is claimed by: "I can't tell"; a training that an alarm stopped |
| 69 | a policy can't be reached, or refuses |
| 70 | a bug of ours |
| 130 | interrupted |
| 141 | nobody reads the output any more, as in `| head` |
"""

# the table above says what each stands for; from 69 on as in sysexits.h and as shells give signals (128 + number)
EXIT_NO_ANSWER = 1
EXIT_CHECK_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_CANNOT_TELL = 3
EXIT_ALARM = 3
EXIT_POLICY_FAILED = 69
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_NO_READER = 141
