"""How long a conversation may last, on a clock of the test's own."""

from moshi_backend.conversation.limits import Limits, Notice, Watch


def test_without_limits_nothing_is_ever_due() -> None:
    watch = Watch(Limits(), 0)
    assert watch.due() is None
    assert watch.poll(1e9) is None


def test_the_end_is_announced_once_before_it_comes() -> None:
    watch = Watch(Limits(session=100), 0)
    assert watch.due() == 70
    assert watch.poll(69) is None
    assert watch.poll(70) == Notice("session", 30)
    assert watch.poll(71) is None
    assert watch.due() == 100
    assert watch.poll(100) == Notice("session", 0)


def test_a_short_limit_is_announced_half_way() -> None:
    assert Watch(Limits(idle=10), 0).due() == 5


def test_audio_puts_off_the_end_of_silence_and_renews_its_warning() -> None:
    watch = Watch(Limits(idle=60), 0)
    assert watch.poll(30) == Notice("idle", 30)
    watch.heard(40)
    assert watch.due() == 70
    assert watch.poll(60) is None
    assert watch.poll(70) == Notice("idle", 30)
    assert watch.poll(100) == Notice("idle", 0)


def test_audio_does_not_put_off_the_end_of_the_conversation() -> None:
    watch = Watch(Limits(session=100, idle=60), 0)
    for now in range(0, 100, 10):
        watch.heard(now)
    assert watch.poll(99) == Notice("session", 1)
    assert watch.poll(100) == Notice("session", 0)


def test_what_was_waited_before_the_beginning_does_not_count() -> None:
    watch = Watch(Limits(session=100, idle=60), 0)
    watch.begin(50)
    assert watch.due() == 80
