"""待办与通知: what waits for whom, by when, how people are told of it, and that nobody is told twice a day.

tasks       the tasks that a letter gives rise to, kept in step with letters and registry
deadlines   截止时间 of campaigns, inherited by the units below; what is overdue
notices     one message a day to one person, sent through the queue
reminders   by hand, and by rule before and after the deadline
messages    a message, and what sends one
senders     which way is set, and the file; mail and webhook are the other two
"""
