"""The sentences: of the demo, and of the users that it learns to listen to."""

LINES = {
    "greeting": "Hello! This is the small demo voice. Say something, and I will answer.",
    "honest": "This demo hears when you talk, but it does not understand your words.",
    "interrupt": "You can interrupt me at any time. Just start talking, and I will stop.",
    "silence": "Now try to stay silent for a while, and see what happens.",
    "long": "Feel free to talk for a long time. The demo waits until you stop.",
    "captions": "Look at the captions on the page. They show every word that I say.",
    "few": "There are only a few sentences in here. The full model can talk about everything.",
    "real": "For a real conversation, install the full model. The manual explains how to do that.",
    "works": "Your voice is clear. The microphone and the network are working.",
    "more": "That sounds nice. Please tell me more about it.",
    "interrupted": "Okay. I stopped because you were talking.",
    "idle": "The line is still open. Say something whenever you like.",
    "backchannel": "I see.",
}
"""Everything that the demo can say, by key.

Whisper tiny understands each of them without an error in Kokoro's voice. Several other wordings failed this.
"""

GREETING = "greeting"
INTERRUPTED = "interrupted"
"""The answer to a user who interrupted."""
IDLE = "idle"
"""Said once in a long silence."""
BACKCHANNEL = "backchannel"
"""Said while the user talks for long."""
ANSWERS = ("honest", "interrupt", "silence", "long", "captions", "few", "real", "works", "more")

USER_SENTENCES = (
    "Hello, who is there?",
    "Yes.",
    "No, thank you.",
    "Hi.",
    "Okay.",
    "Good evening, can you hear my voice?",
    "What is your name?",
    "Tell me something about the sea.",
    "I have two brothers, and both of them live in another country.",
    "Wait, that is not what I meant.",
    "How far is it from here to the next village?",
    "Stop talking for a second, please.",
    "My favourite food is soup with fresh bread and a little butter.",
    "When does the last train leave tonight?",
    "Hmm, I am not so sure about that.",
    "Could you say it again, but a bit more slowly?",
    "Yesterday we walked through the forest until it was dark, and then we made a fire.",
    "Great!",
    "The window is open, and it is getting cold in this room.",
    "Why do cats sleep so much?",
    "I would like to learn how to play the guitar, but I never find the time.",
    "Thanks, that was very kind of you.",
    "Four, eight, fifteen, sixteen, twenty three.",
    "Is anybody else listening to us?",
    "She put the old letters in a box under the bed, where nobody would look for them.",
    "Really? Since when?",
    "Let us talk about something completely different now.",
    "I think that the answer is somewhere in the middle of the book.",
    "Can you sing?",
    "Let me think.",
    "Because it rained all week, the river is higher than the bridge.",
    "Please explain it to me as if I were a child.",
    "Never mind.",
    "We need milk, eggs, a lemon, and some paper for the printer.",
)
"""Short and long ones, for what a person may say. Their words mean nothing to the demo."""
